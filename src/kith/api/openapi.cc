#include "kith/api/openapi.h"

#include <string_view>

namespace kith::api {
namespace {

constexpr std::string_view kHead = R"json({
"openapi":"3.1.0",
"info":{"title":"Kith","version":"0.1.0","license":{"name":"Apache-2.0","identifier":"Apache-2.0"},
 "description":"Answers that know whom they are for. OpenAI's chat interface with a `kith` object beside it."},
"security":[{"key":[]}],
)json";

constexpr std::string_view kPaths = R"json("paths":{
"/v1/chat/completions":{"post":{"operationId":"createChatCompletion","summary":"Answer a chat, whole or as a stream",
  "parameters":[{"$ref":"#/components/parameters/User"},{"$ref":"#/components/parameters/Tenant"},{"$ref":"#/components/parameters/Conversation"}],
  "requestBody":{"required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/ChatRequest"}}}},
  "responses":{"200":{"description":"The answer; with stream, server-sent events of chat.completion.chunk objects ending in [DONE]",
    "headers":{"X-Kith-Decision":{"schema":{"type":"string"}},"X-Kith-Persona":{"schema":{"type":"string"}},"X-Kith-Adapter":{"schema":{"type":"string"}},"X-Kith-Ignored":{"schema":{"type":"string"},"description":"members of the request that had no effect"}},
    "content":{"application/json":{"schema":{"$ref":"#/components/schemas/ChatCompletion"}},"text/event-stream":{"schema":{"type":"string"}}}},
   "default":{"$ref":"#/components/responses/Error"}}}},
"/v1/embeddings":{"post":{"operationId":"createEmbedding","summary":"Vectors of texts, by the own embedding model or an upstream",
  "requestBody":{"required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/EmbeddingsRequest"}}}},
  "responses":{"200":{"description":"One vector for each input, in their order","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Embeddings"}}}},
   "default":{"$ref":"#/components/responses/Error"}}}},
"/v1/completions":{"post":{"operationId":"createCompletion","summary":"Go on with plain texts, whole or as a stream; nothing personal enters, nothing is kept",
  "parameters":[{"$ref":"#/components/parameters/User"},{"$ref":"#/components/parameters/Tenant"}],
  "requestBody":{"required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/CompletionRequest"}}}},
  "responses":{"200":{"description":"The texts; with stream, server-sent events of text_completion objects ending in [DONE]",
    "content":{"application/json":{"schema":{"$ref":"#/components/schemas/Completion"}},"text/event-stream":{"schema":{"type":"string"}}}},
   "default":{"$ref":"#/components/responses/Error"}}}},
"/lora-adapters":{"get":{"operationId":"listLoraAdapters","summary":"The loaded adapters with the numbers that `lora` names","responses":{
  "200":{"description":"OK","content":{"application/json":{"schema":{"type":"array","items":{"type":"object","required":["id","name","path","scale"],"properties":{
    "id":{"type":"integer"},"name":{"type":"string"},"path":{"type":"string"},"scale":{"type":"number"}}}}}}},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/models":{"get":{"operationId":"listModels","summary":"The base model, its adapters and the embedding model","responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/models/{id}":{"parameters":[{"$ref":"#/components/parameters/Id"}],"get":{"operationId":"getModel","summary":"One model","responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/load_lora_adapter":{"post":{"operationId":"loadAdapter","summary":"Load an adapter from the server's directory of adapters while serving (operator)",
  "requestBody":{"required":true,"content":{"application/json":{"schema":{"type":"object","required":["lora_name","lora_path"],"properties":{
    "lora_name":{"type":"string"},"lora_path":{"type":"string","description":"below the directory of adapters"},"load_inplace":{"type":"boolean","description":"replace an adapter of that name"}}}}}},
  "responses":{"200":{"description":"Loaded","content":{"text/plain":{"schema":{"type":"string"}}}},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/unload_lora_adapter":{"post":{"operationId":"unloadAdapter","summary":"Forget an adapter; running requests keep it (operator)",
  "requestBody":{"required":true,"content":{"application/json":{"schema":{"type":"object","required":["lora_name"],"properties":{"lora_name":{"type":"string"}}}}}},
  "responses":{"200":{"description":"Unloaded","content":{"text/plain":{"schema":{"type":"string"}}}},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/feedback":{"post":{"operationId":"giveFeedback","summary":"What came back on an answer; the same key counts once",
  "requestBody":{"required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Feedback"}}}},
  "responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/users":{"get":{"operationId":"listUsers","summary":"The users of the tenant, in order of id (operator)",
  "parameters":[{"name":"after","in":"query","schema":{"type":"string"}},{"name":"limit","in":"query","schema":{"type":"integer","minimum":1,"maximum":1000,"default":100}}],
  "responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/users/{id}":{"parameters":[{"$ref":"#/components/parameters/Id"}],
 "get":{"operationId":"getUser","summary":"Attributes and consent","responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}},
 "put":{"operationId":"putUser","summary":"Create or change a user; attributes need an operator's key",
  "requestBody":{"required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/UserUpdate"}}}},
  "responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}},
 "delete":{"operationId":"eraseUser","summary":"Erase everything about the user; answers with a receipt","responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/users/{id}/profile":{"parameters":[{"$ref":"#/components/parameters/Id"}],"get":{"operationId":"getUserProfile","summary":"As getUser, with the personas, their reasons, and the changes of persona","responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/users/{id}/export":{"parameters":[{"$ref":"#/components/parameters/Id"}],"get":{"operationId":"exportUser","summary":"Everything that is kept about the user","responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/users/{id}/timeline":{"parameters":[{"$ref":"#/components/parameters/Id"}],"get":{"operationId":"getUserTimeline","summary":"What the user did, the newest first",
  "parameters":[{"name":"before","in":"query","schema":{"type":"string"},"description":"next of the page before"},{"name":"limit","in":"query","schema":{"type":"integer","minimum":1,"maximum":1000,"default":100}}],
  "responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/users/{id}/embedding":{"parameters":[{"$ref":"#/components/parameters/Id"}],"get":{"operationId":"getUserEmbedding","summary":"What the user encoder made of what the user did","responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/users/{id}/similar":{"parameters":[{"$ref":"#/components/parameters/Id"}],"get":{"operationId":"listSimilarUsers","summary":"The users nearest to this one, with what they have in common (operator)","parameters":[{"name":"k","in":"query","schema":{"type":"integer","minimum":1,"maximum":100,"default":10}}],"responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/users/{id}/next":{"parameters":[{"$ref":"#/components/parameters/Id"}],"get":{"operationId":"listNextValues","summary":"What is to be expected in the user's next event","parameters":[{"name":"feature","in":"query","schema":{"type":"string"},"description":"default: the first one that the encoder predicts"},{"name":"k","in":"query","schema":{"type":"integer","minimum":1,"maximum":100,"default":5}}],"responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/user-cohort":{"post":{"operationId":"findCohort","summary":"The users nearest to the mean of some users or of a persona (operator)",
  "requestBody":{"required":true,"content":{"application/json":{"schema":{"type":"object","additionalProperties":false,"properties":{"users":{"type":"array","maxItems":1000,"items":{"type":"string"}},"persona":{"type":"string"},"k":{"type":"integer","minimum":1,"maximum":100,"default":10}}}}}},
  "responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/user-map":{"get":{"operationId":"getUserMap","summary":"Users' embeddings in a plane (operator)","parameters":[{"name":"limit","in":"query","schema":{"type":"integer","minimum":1,"maximum":5000,"default":2000}}],"responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/decisions/{id}":{"parameters":[{"$ref":"#/components/parameters/Id"}],"get":{"operationId":"getDecision","summary":"Why an answer was what it was","responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/import/{kind}":{"parameters":[{"name":"kind","in":"path","required":true,"schema":{"enum":["users","events","conversations","knowledge","feedback"]}}],
 "post":{"operationId":"importRecords","summary":"Import records; bad lines are reported and do not stop the good ones (operator)",
  "parameters":[{"name":"default_kind","in":"query","schema":{"type":"string"},"description":"events only: the kind of those that name none. Other members of the query name columns, as in item=movieId"}],
  "requestBody":{"required":true,"content":{"application/jsonl":{"schema":{"type":"string"}},"text/csv":{"schema":{"type":"string"}}}},
  "responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/knowledge/{id}":{"parameters":[{"$ref":"#/components/parameters/Id"}],"get":{"operationId":"getDocument","summary":"A document that an answer cites","responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/personas":{"get":{"operationId":"listPersonas","summary":"The personas and their style cards","responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/personas/{id}/stats":{"parameters":[{"$ref":"#/components/parameters/Id"}],"get":{"operationId":"getPersonaStats","summary":"Size, drift, answers and thumbs of a persona's users over time (operator)","parameters":[{"name":"from","in":"query","schema":{"type":"string"},"description":"a day or a time; default: 29 days before to"},{"name":"to","in":"query","schema":{"type":"string"},"description":"a day, which is counted; default: today"},{"name":"bucket","in":"query","schema":{"enum":["day","week"],"default":"day"}}],"responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/personas/{id}/versions":{"parameters":[{"$ref":"#/components/parameters/Id"}],"get":{"operationId":"listAdapterVersions","summary":"The versions of a persona's adapter with lineage, gate results and history (operator)","responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/personas/{id}/promote":{"parameters":[{"$ref":"#/components/parameters/Id"}],"post":{"operationId":"promoteAdapterVersion","summary":"Let a version serve whose gate has passed (operator)",
  "requestBody":{"required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/VersionOrder"}}}},
  "responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/personas/{id}/rollback":{"parameters":[{"$ref":"#/components/parameters/Id"}],"post":{"operationId":"rollbackAdapterVersion","summary":"Back to the version that served before (operator)",
  "requestBody":{"required":true,"content":{"application/json":{"schema":{"type":"object","additionalProperties":false,"properties":{"reason":{"type":"string","maxLength":1000}}}}}},
  "responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/personas/{id}/try":{"parameters":[{"$ref":"#/components/parameters/Id"}],"post":{"operationId":"tryAdapterVersion","summary":"Let a version answer a share of the users, as a canary or unseen as a shadow (operator)",
  "requestBody":{"required":true,"content":{"application/json":{"schema":{"type":"object","additionalProperties":false,"required":["version","as"],"properties":{
    "version":{"type":"integer","minimum":1},"as":{"enum":["canary","shadow"]},"share":{"type":"number","exclusiveMinimum":0,"maximum":1,"default":0.1},"reason":{"type":"string","maxLength":1000}}}}}},
  "responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/personas/{id}/withdraw":{"parameters":[{"$ref":"#/components/parameters/Id"}],"post":{"operationId":"withdrawAdapterVersion","summary":"Take a version out (operator)",
  "requestBody":{"required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/VersionOrder"}}}},
  "responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/personas/{id}/gate":{"parameters":[{"$ref":"#/components/parameters/Id"}],"post":{"operationId":"setGateResult","summary":"Keep the outcome of a gate that `kith persona evaluate` has run (operator)",
  "requestBody":{"required":true,"content":{"application/json":{"schema":{"type":"object","additionalProperties":false,"required":["version","passed","document"],"properties":{
    "version":{"type":"integer","minimum":1},"passed":{"type":"boolean"},"document":{"type":"object"}}}}}},
  "responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/personas/{id}/versions/{version}/shadow":{"parameters":[{"$ref":"#/components/parameters/Id"},{"name":"version","in":"path","required":true,"schema":{"type":"integer","minimum":1}}],"get":{"operationId":"getShadow","summary":"What a version in shadow would have answered, measured beside what serves (operator)","parameters":[
    {"name":"examples","in":"query","schema":{"type":"integer","minimum":0,"maximum":20,"default":0},"description":"pairs of answers that are shown"}],
  "responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}}},
"/v1/personas/{id}/register":{"parameters":[{"$ref":"#/components/parameters/Id"}],"post":{"operationId":"registerTraining","summary":"Register what `kith persona train` has finished beside this server, or an adapter put into DATA/incoming (operator)",
  "requestBody":{"required":true,"content":{"application/json":{"schema":{"type":"object","additionalProperties":false,"properties":{
    "incoming":{"type":"string","maxLength":128,"description":"name of the adapter's directory in DATA/incoming; absent: what was trained"},
    "parents":{"type":"array","maxItems":16,"items":{"type":"string"}},"reason":{"type":"string","maxLength":1000}}}}}},
  "responses":{"200":{"$ref":"#/components/responses/Object"},"default":{"$ref":"#/components/responses/Error"}}}},
"/healthz":{"get":{"operationId":"getHealth","summary":"Whether the process lives","security":[],"responses":{"200":{"$ref":"#/components/responses/Object"}}}},
"/readyz":{"get":{"operationId":"getReadiness","summary":"Whether requests are welcome","security":[],"responses":{"200":{"$ref":"#/components/responses/Object"},"503":{"$ref":"#/components/responses/Error"}}}},
"/metrics":{"get":{"operationId":"getMetrics","summary":"Counters for Prometheus","security":[],"responses":{"200":{"description":"Text format 0.0.4","content":{"text/plain":{"schema":{"type":"string"}}}}}}},
"/openapi.json":{"get":{"operationId":"getOpenapi","summary":"This document","security":[],"responses":{"200":{"$ref":"#/components/responses/Object"}}}}
},
)json";

constexpr std::string_view kComponents = R"json("components":{
"securitySchemes":{"key":{"type":"http","scheme":"bearer","description":"An API key. Without any key in the store, callers on this machine need none."}},
"parameters":{
 "Id":{"name":"id","in":"path","required":true,"schema":{"type":"string","maxLength":256}},
 "User":{"name":"X-Kith-User","in":"header","schema":{"type":"string","maxLength":256}},
 "Tenant":{"name":"X-Kith-Tenant","in":"header","schema":{"type":"string","maxLength":256}},
 "Conversation":{"name":"X-Kith-Conversation","in":"header","schema":{"type":"string","maxLength":256}}},
"responses":{
 "Object":{"description":"OK","content":{"application/json":{"schema":{"type":"object"}}}},
 "Error":{"description":"What was wrong","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Error"}}}}},
"schemas":{
 "Error":{"type":"object","required":["error"],"properties":{"error":{"type":"object","required":["message","type","param","code"],"properties":{
   "message":{"type":"string"},"type":{"type":"string"},"param":{"type":["string","null"]},"code":{"type":["string","null"]}}}}},
 "ChatRequest":{"type":"object","required":["messages"],"properties":{
   "messages":{"type":"array","minItems":1,"items":{"type":"object","required":["role"],"properties":{
     "role":{"enum":["system","developer","user","assistant","tool","function"]},
     "content":{"type":["string","array","null"]}}}},
   "model":{"type":"string","description":"an adapter's name answers with that adapter"},
   "lora":{"$ref":"#/components/schemas/Lora"},
   "temperature":{"type":"number","minimum":0,"maximum":2},"top_p":{"type":"number","minimum":0,"maximum":1},
   "min_p":{"type":"number","minimum":0,"maximum":1},"top_k":{"type":"integer"},
   "presence_penalty":{"type":"number","minimum":-2,"maximum":2},"frequency_penalty":{"type":"number","minimum":-2,"maximum":2},
   "repetition_penalty":{"type":"number","exclusiveMinimum":0,"maximum":10},
   "seed":{"type":"integer"},"logit_bias":{"type":"object","additionalProperties":{"type":"number"}},
   "logprobs":{"type":"boolean"},"top_logprobs":{"type":"integer","minimum":0,"maximum":20},
   "n":{"type":"integer","minimum":1,"maximum":128},"stop":{"type":["string","array"],"maxItems":4},
   "max_completion_tokens":{"type":"integer","minimum":1},"max_tokens":{"type":"integer","minimum":1,"deprecated":true},
   "stream":{"type":"boolean"},"stream_options":{"type":"object","properties":{"include_usage":{"type":"boolean"}}},
   "store":{"type":"boolean","description":"false: nothing of this request is stored or learned"},
   "user":{"type":"string","maxLength":256},"safety_identifier":{"type":"string","maxLength":256},
   "metadata":{"type":"object","maxProperties":16,"additionalProperties":{"type":"string","maxLength":512}},
   "verbosity":{"enum":["low","medium","high"]},
   "response_format":{"$ref":"#/components/schemas/ResponseFormat"},
   "guided_json":{"type":["object","string"],"description":"as response_format with this schema"},
   "guided_choice":{"$ref":"#/components/schemas/Choice"},
   "structured_outputs":{"type":"object","properties":{"choice":{"$ref":"#/components/schemas/Choice"},"json":{"type":["object","string"]},"json_object":{"type":"boolean"}}},
   "kith":{"$ref":"#/components/schemas/KithRequest"}}},
 "CompletionRequest":{"type":"object","properties":{
   "prompt":{"description":"a text, a list of texts, token ids, or a list of lists of them; may be absent beside kith.soft_prompt","type":["string","array"],"maxItems":256},
   "model":{"type":"string","description":"an adapter's name completes with that adapter"},
   "max_tokens":{"type":"integer","minimum":0,"default":16},
   "temperature":{"type":"number","minimum":0,"maximum":2},"top_p":{"type":"number","minimum":0,"maximum":1},
   "min_p":{"type":"number","minimum":0,"maximum":1},"top_k":{"type":"integer"},
   "presence_penalty":{"type":"number","minimum":-2,"maximum":2},"frequency_penalty":{"type":"number","minimum":-2,"maximum":2},
   "repetition_penalty":{"type":"number","exclusiveMinimum":0,"maximum":10},
   "seed":{"type":"integer"},"logit_bias":{"type":"object","additionalProperties":{"type":"number"}},
   "n":{"type":"integer","minimum":1,"maximum":128},"best_of":{"type":"integer","minimum":1,"maximum":128,"description":"at least n; n in a stream"},
   "logprobs":{"type":"integer","minimum":0,"maximum":5},"echo":{"type":"boolean"},
   "stop":{"type":["string","array"],"maxItems":4},
   "stream":{"type":"boolean"},"stream_options":{"type":"object","properties":{"include_usage":{"type":"boolean"}}},
   "user":{"type":"string","maxLength":256},
   "response_format":{"$ref":"#/components/schemas/ResponseFormat"},
   "guided_json":{"type":["object","string"]},"guided_choice":{"$ref":"#/components/schemas/Choice"},
   "lora":{"$ref":"#/components/schemas/Lora"},
   "kith":{"type":"object","additionalProperties":false,"properties":{"user":{"type":"string"},"tenant":{"type":"string"},"temporary":{"type":"boolean"},"soft_prompt":{"$ref":"#/components/schemas/SoftPrompt"}}}}},
 "Completion":{"type":"object","properties":{
   "id":{"type":"string"},"object":{"const":"text_completion"},"created":{"type":"integer"},"model":{"type":"string"},
   "choices":{"type":"array","items":{"type":"object","properties":{"index":{"type":"integer"},"text":{"type":"string"},
     "logprobs":{"type":["object","null"],"properties":{"tokens":{"type":"array"},"token_logprobs":{"type":"array"},"top_logprobs":{"type":"array"},"text_offset":{"type":"array"}}},
     "finish_reason":{"enum":["stop","length"]}}}},"usage":{"type":"object"}}},
 "Lora":{"type":"array","description":"adapters by the ids of GET /lora-adapters, instead of the persona's own; those not listed have the scale 0","items":{"type":"object","required":["id","scale"],"properties":{
   "id":{"type":"integer","minimum":0},"scale":{"type":"number","minimum":-10,"maximum":10,"description":"at most two other than 0"}}}},
 "SoftPrompt":{"description":"embedding rows before the prompt, as wide as the model","oneOf":[
   {"type":"object","additionalProperties":false,"required":["dtype","shape","data"],"properties":{"dtype":{"enum":["f32","f16"]},
     "shape":{"type":"array","minItems":2,"maxItems":2,"items":{"type":"integer","minimum":1}},"data":{"type":"string","contentEncoding":"base64","description":"little-endian values, row-major"}}},
   {"type":"object","additionalProperties":false,"required":["safetensors"],"properties":{"safetensors":{"type":"string","contentEncoding":"base64","description":"a file with one tensor of f32, f16 or bf16"}}}]},
 "VersionOrder":{"type":"object","additionalProperties":false,"required":["version"],"properties":{"version":{"type":"integer","minimum":1},"reason":{"type":"string","maxLength":1000}}},
 "Choice":{"type":"array","minItems":1,"maxItems":2000,"items":{"type":"string","minLength":1},"description":"the answer is one of these texts"},
 "ResponseFormat":{"type":"object","required":["type"],"properties":{
   "type":{"enum":["text","json_object","json_schema"]},
   "json_schema":{"type":"object","properties":{"name":{"type":"string","pattern":"^[A-Za-z0-9_-]{1,64}$"},"description":{"type":"string"},"strict":{"type":["boolean","null"]},"schema":{"type":"object"}}}}},
 "KithRequest":{"type":"object","additionalProperties":false,"properties":{
   "user":{"type":"string"},"tenant":{"type":"string"},"conversation":{"type":"string"},
   "context":{"type":"object","description":"device, channel, locale, place, ticket"},
   "temporary":{"type":"boolean"},
   "plan":{"type":"object","additionalProperties":{"type":"boolean"},"description":"technique (persona, router, adapter, style, knowledge, history, embedding, candidates, needs, escalation) to on or off"},
   "candidates":{"type":"integer","minimum":1,"maximum":8},
   "soft_prompt":{"$ref":"#/components/schemas/SoftPrompt"},
   "style":{"type":"object","additionalProperties":false,"properties":{"tone":{"type":"string"},"length":{"enum":["short","medium","long"]},"format":{"type":"string"},"language":{"type":"string"},"reading_level":{"type":"number","minimum":1,"maximum":20}}}}},
 "ChatCompletion":{"type":"object","properties":{
   "id":{"type":"string"},"object":{"const":"chat.completion"},"created":{"type":"integer"},"model":{"type":"string"},
   "choices":{"type":"array","items":{"type":"object"}},"usage":{"type":"object"},
   "kith":{"$ref":"#/components/schemas/KithResponse"}}},
 "KithResponse":{"type":"object","description":"Absent parts are absent, never null","properties":{
   "user":{"type":"string"},"conversation":{"type":"string"},"decision":{"type":"string"},
   "persona":{"type":"object","additionalProperties":{"type":"number"}},"assigned_persona":{"type":"string"},
   "queue_class":{"enum":["normal","high","urgent"]},"escalation":{"type":"object","description":"who takes over","properties":{"reason":{"type":"string"},"name":{"type":"string"},"channel":{"type":"string"},"hours":{"type":"string"},"in_text":{"type":"boolean"}}},
   "abstain":{"type":"number","description":"probability that the user is none of the personas, or too little is known; with those of persona it sums to 1"},
   "evidence":{"type":"array","items":{"type":"object"}},"adapter":{"type":"string"},"adapter_version":{"type":"integer","description":"the registered version that answered"},
   "adapters":{"type":"object","additionalProperties":{"type":"number"},"description":"the weights of a blend"},
   "route":{"$ref":"#/components/schemas/KithRoute"},
   "plan":{"type":"array","items":{"type":"object"}},"passages":{"type":"array","items":{"type":"object"}},
   "candidates":{"type":"array","items":{"type":"object"}},"generated_tokens":{"type":"integer","description":"that the model wrote, unseen drafts among them"},"probability":{"type":"number"},
   "style":{"type":"object"},"degraded":{"type":"array","items":{"type":"object"}},"timing":{"type":"object"}}},
 "KithRoute":{"type":"object","description":"Which persona's model answers which part of the last user message","required":["kind","scores","margin","threshold","parts"],"properties":{
   "kind":{"enum":["one","blend","parts","base"]},"reason":{"type":"string"},
   "scores":{"type":"object","additionalProperties":{"type":"number"},"description":"of the whole message, what is known of the user counted in"},
   "margin":{"type":"number"},"threshold":{"type":"number"},"out_of_scope":{"type":"number"},"out_of_scope_threshold":{"type":"number"},
   "split":{"type":"number","description":"probability of two requests"},"split_threshold":{"type":"number"},
   "parts":{"type":"array","minItems":1,"maxItems":2,"items":{"type":"object","required":["start","end","scores"],"properties":{
     "start":{"type":"integer","description":"bytes"},"end":{"type":"integer"},"persona":{"type":"string"},
     "adapters":{"type":"object","additionalProperties":{"type":"number"},"description":"absent: the base model"},
     "scores":{"type":"object","additionalProperties":{"type":"number"}}}}}}},
 "EmbeddingsRequest":{"type":"object","required":["input"],"properties":{
   "input":{"description":"A text, texts, the tokens of one text, or of several","anyOf":[{"type":"string","minLength":1},
     {"type":"array","minItems":1,"maxItems":2048,"items":{"type":"string","minLength":1}},
     {"type":"array","minItems":1,"items":{"type":"integer","minimum":0}},
     {"type":"array","minItems":1,"maxItems":2048,"items":{"type":"array","minItems":1,"items":{"type":"integer","minimum":0}}}]},
   "model":{"type":"string"},"encoding_format":{"enum":["float","base64"],"default":"float"},
   "dimensions":{"type":"integer","minimum":1,"description":"Keep so many leading numbers, brought to length 1 again"},
   "truncate":{"type":"boolean","default":false,"description":"Cut texts that are too long instead of refusing them"},
   "user":{"type":"string","maxLength":256}}},
 "Embeddings":{"type":"object","properties":{"object":{"const":"list"},"model":{"type":"string"},
   "data":{"type":"array","items":{"type":"object","properties":{"object":{"const":"embedding"},"index":{"type":"integer"},
     "embedding":{"description":"Numbers, or base64 of little-endian 32-bit floats","type":["array","string"],"items":{"type":"number"}}}}},
   "usage":{"type":"object","properties":{"prompt_tokens":{"type":"integer"},"total_tokens":{"type":"integer"}}}}},
 "UserUpdate":{"type":"object","properties":{"attributes":{"type":"object"},"consent":{"type":"object","additionalProperties":{"type":"boolean"}}}},
 "Signals":{"type":"object","required":["signals"],"properties":{
   "decision":{"type":"string"},"completion":{"type":"string"},"user":{"type":"string"},"key":{"type":"string"},
   "signals":{"type":"array","minItems":1,"maxItems":100,"items":{"type":"object","required":["kind","value"],"properties":{"kind":{"type":"string"},"value":{"type":["number","boolean","string"]},"at":{"type":["string","number"]}}}}}},
 "Feedback":{"anyOf":[{"$ref":"#/components/schemas/Signals"},{"type":"object","required":["batch"],"properties":{"batch":{"type":"array","minItems":1,"maxItems":1000,"items":{"$ref":"#/components/schemas/Signals"}}}}]}
}}}
)json";

}  // namespace

std::string openapi_document() {
  return std::string(kHead) + std::string(kPaths) + std::string(kComponents);
}

}  // namespace kith::api
