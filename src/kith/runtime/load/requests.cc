#include "kith/runtime/load/requests.h"

#include <array>
#include <cstring>

#include "kith/base/json.h"

namespace kith::runtime::load {
namespace {

using base::Json;
using base::Rng;

constexpr std::array kWords{"vpn",     "printer", "password", "laptop",  "badge",  "meeting",
                            "invoice", "mailbox", "screen",   "network", "travel", "the",
                            "does",    "not",     "work",     "how",     "do",     "I",
                            "reset",   "my",      "when",     "is",      "new",    "please"};
constexpr int kNumUsers = 24;
constexpr int kNumDocuments = 12;

bool chance(Rng& rng, double share) { return rng.uniform() < share; }

int between(Rng& rng, int low, int high) {
  return low + static_cast<int>(rng.below(static_cast<std::uint64_t>(high - low + 1)));
}

template <typename Range>
const auto& pick(Rng& rng, const Range& range) {
  return range[rng.below(range.size())];
}

// Members that chats and completions have in common.
void put_sampling(Rng& rng, Json& body, Expected& expected) {
  expected.max_tokens = between(rng, 1, 40);
  body["max_tokens"] = expected.max_tokens;
  if (chance(rng, 0.7)) body["temperature"] = between(rng, 0, 12) / 10.0;
  if (chance(rng, 0.3)) body["top_p"] = 0.9;
  if (chance(rng, 0.2)) body["top_k"] = between(rng, 1, 40);
  if (chance(rng, 0.2)) body["presence_penalty"] = 0.5;
  if (chance(rng, 0.3)) body["seed"] = between(rng, 0, 1000);
  if (chance(rng, 0.2)) body["logit_bias"] = {{std::to_string(between(rng, 3, 90)), 3}};
  if (chance(rng, 0.3)) {
    expected.stop = {chance(rng, 0.5) ? "e" : "ing", "\n\n"};
    body["stop"] = expected.stop;
  }
  if (chance(rng, 0.25)) {
    expected.num_choices = between(rng, 2, 4);
    body["n"] = expected.num_choices;
  }
}

void put_adapter(Rng& rng, const RequestFacts& facts, Json& body) {
  if (chance(rng, 0.35)) {
    body["model"] = pick(rng, facts.adapters);
    return;
  }
  if (!chance(rng, 0.15)) return;
  const int first = between(rng, 0, facts.num_lora_ids - 1);
  const int second = (first + 1) % facts.num_lora_ids;
  body["lora"] = Json::array({{{"id", first}, {"scale", 0.75}}});
  if (second != first) body["lora"].push_back({{"id", second}, {"scale", -0.5}});
}

void put_stream(Rng& rng, Json& body, Request& request) {
  request.is_stream = chance(rng, 0.5);
  if (!request.is_stream) return;
  body["stream"] = true;
  if (chance(rng, 0.5)) body["stream_options"] = {{"include_usage", true}};
}

Json random_messages(Rng& rng) {
  Json messages = Json::array();
  if (chance(rng, 0.3)) {
    messages.push_back({{"role", "system"}, {"content", "You answer in a few words."}});
  }
  for (int turn = between(rng, 0, 2); turn > 0; --turn) {
    messages.push_back({{"role", "user"}, {"content", random_text(rng, 5)}});
    messages.push_back({{"role", "assistant"}, {"content", random_text(rng, 6)}});
  }
  messages.push_back(
      {{"role", "user"},
       {"content", random_text(rng, static_cast<std::size_t>(between(rng, 1, 20)))}});
  return messages;
}

void put_kith(Rng& rng, Json& body) {
  Json kith = Json::object();
  if (chance(rng, 0.2)) kith["candidates"] = between(rng, 1, 4);
  if (chance(rng, 0.1)) kith["temporary"] = true;
  if (chance(rng, 0.1)) kith["plan"] = {{"knowledge", false}, {"history", false}};
  if (chance(rng, 0.1)) kith["style"] = {{"length", "short"}, {"tone", "calm"}};
  if (!kith.empty()) body["kith"] = kith;
}

void finish(const Json& body, Request& request) { request.body = base::dump_json(body); }

constexpr const char* kTicketSchema = R"({"type": "object", "properties": {
  "priority": {"enum": ["low", "high"]}, "minutes": {"type": "integer"},
  "done": {"type": "boolean"}}, "required": ["priority", "minutes", "done"],
  "additionalProperties": false})";

bool is_ticket(std::string_view text) {
  const auto ticket = base::parse_json(text);
  return ticket && ticket->is_object() && ticket->size() == 3 && ticket->contains("priority") &&
         ((*ticket)["priority"] == "low" || (*ticket)["priority"] == "high") &&
         ticket->contains("minutes") && (*ticket)["minutes"].is_number() &&
         ticket->contains("done") && (*ticket)["done"].is_boolean();
}

bool is_choice(std::string_view text) {
  return text == "urgent" || text == "normal" || text == "spam";
}

// Base64 of f32 values in [-1, 1).
std::string random_rows(Rng& rng, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    const float value = static_cast<float>(rng.uniform() * 2.0 - 1.0);
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8U | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += i + k <= bytes.size() ? kDigits[group >> (18U - 6U * k) & 63U] : '=';
    }
  }
  return text;
}

}  // namespace

std::string random_user(Rng& rng) { return "u" + std::to_string(between(rng, 0, kNumUsers - 1)); }

std::string random_text(Rng& rng, std::size_t words) {
  std::string text;
  for (std::size_t i = 0; i < words; ++i) {
    if (!text.empty()) text += ' ';
    text += pick(rng, kWords);
  }
  return text;
}

Request random_chat(Rng& rng, const RequestFacts& facts) {
  Request request{.kind = "chat", .target = "/v1/chat/completions"};
  Expected expected;
  Json body{{"model", "kith"}, {"messages", random_messages(rng)}};
  put_sampling(rng, body, expected);
  put_adapter(rng, facts, body);
  put_kith(rng, body);
  put_stream(rng, body, request);
  if (chance(rng, 0.2)) {
    expected.wants_logprobs = true;
    body["logprobs"] = true;
    body["top_logprobs"] = between(rng, 0, 3);
  }
  if (chance(rng, 0.8)) request.headers.emplace_back("X-Kith-User", random_user(rng));
  request.expected = expected;
  finish(body, request);
  return request;
}

Request random_completion(Rng& rng, const RequestFacts& facts) {
  Request request{.kind = "completion", .target = "/v1/completions"};
  Expected expected;
  Json body{{"model", "kith"}};
  put_sampling(rng, body, expected);
  put_adapter(rng, facts, body);
  put_stream(rng, body, request);
  const int num_prompts = chance(rng, 0.3) ? between(rng, 2, 6) : 1;
  body["prompt"] = Json::array();
  for (int i = 0; i < num_prompts; ++i) {
    body["prompt"].push_back(random_text(rng, static_cast<std::size_t>(between(rng, 3, 40))));
  }
  expected.num_choices *= num_prompts;
  if (chance(rng, 0.3)) {
    expected.wants_logprobs = true;
    body["logprobs"] = between(rng, 0, 3);
  }
  if (chance(rng, 0.1)) {
    // The prompt's own words count neither as tokens nor as stop texts.
    body["echo"] = true;
    expected.stop.clear();
    expected.max_tokens += 4096;
  }
  request.expected = expected;
  finish(body, request);
  return request;
}

Request random_structured(Rng& rng, const RequestFacts& facts) {
  Request request{.kind = "structured", .target = "/v1/chat/completions"};
  Expected expected;
  expected.max_tokens = 120;
  Json body{{"model", "kith"},
            {"messages", random_messages(rng)},
            {"max_tokens", expected.max_tokens},
            {"temperature", between(rng, 0, 10) / 10.0}};
  put_adapter(rng, facts, body);
  put_stream(rng, body, request);
  if (chance(rng, 0.5)) {
    expected.is_valid_text = is_choice;
    body["guided_choice"] = {"urgent", "normal", "spam"};
  } else {
    expected.is_valid_text = is_ticket;
    body["response_format"] = {
        {"type", "json_schema"},
        {"json_schema", {{"name", "ticket"}, {"schema", *base::parse_json(kTicketSchema)}}}};
  }
  request.expected = expected;
  finish(body, request);
  return request;
}

Request random_soft_prompt(Rng& rng, const RequestFacts& facts) {
  const bool is_chat = chance(rng, 0.5);
  Request request{.kind = "soft prompt",
                  .target = is_chat ? "/v1/chat/completions" : "/v1/completions"};
  Expected expected;
  Json body{{"model", "kith"}};
  put_sampling(rng, body, expected);
  put_adapter(rng, facts, body);
  put_stream(rng, body, request);
  if (is_chat) {
    body["messages"] = random_messages(rng);
  } else {
    body["prompt"] = random_text(rng, 6);
  }
  const int rows = between(rng, 1, 20);
  body["kith"] = {{"soft_prompt",
                   {{"dtype", "f32"},
                    {"shape", {rows, facts.hidden_size}},
                    {"data", random_rows(rng, rows * facts.hidden_size)}}}};
  request.expected = expected;
  finish(body, request);
  return request;
}

Request random_embeddings(Rng& rng) {
  Request request{.kind = "embeddings", .target = "/v1/embeddings"};
  Json body{{"model", "any"}, {"input", Json::array()}};
  for (int i = between(rng, 1, 12); i > 0; --i) {
    body["input"].push_back(random_text(rng, static_cast<std::size_t>(between(rng, 1, 12))));
  }
  body["truncate"] = true;
  if (chance(rng, 0.5)) body["encoding_format"] = "base64";
  finish(body, request);
  return request;
}

Request random_read(Rng& rng) {
  constexpr std::array kTargets{"/v1/models",    "/lora-adapters", "/metrics",
                                "/openapi.json", "/v1/personas",   "/v1/users?limit=5",
                                "/readyz",       "/healthz",       "/v1/knowledge/d1"};
  Request request{.kind = "read", .method = "GET", .target = pick(rng, kTargets), .headers = {}};
  return request;
}

Request random_mistake(Rng& rng) {
  struct Mistake {
    const char* target;
    std::string body;
    int status;
  };
  const std::array mistakes{
      Mistake{"/v1/chat/completions", R"({"messages": []})", 400},
      Mistake{"/v1/chat/completions", R"({"messages": [{"role": "user")", 400},
      Mistake{"/v1/chat/completions",
              R"({"messages":[{"role":"user","content":"a"}],"temperature":9})", 400},
      Mistake{"/v1/chat/completions",
              R"({"messages":[{"role":"user","content":"a"}],"lora":[{"id":99999,"scale":1}]})",
              400},
      Mistake{"/v1/completions", R"({"prompt": ")" + std::string(60'000, 'a') + R"("})", 400},
      Mistake{"/v1/completions", R"({"prompt": "a", "suffix": "b"})", 400},
      Mistake{"/v1/completions", R"({"model": "gpt-9", "prompt": "a"})", 404},
      Mistake{"/v1/embeddings", R"({"input": ""})", 400},
      Mistake{"/v1/load_lora_adapter", R"({"lora_name": "x", "lora_path": "../../etc"})", 400},
      Mistake{"/v1/nothing", "{}", 404}};
  const Mistake& mistake = pick(rng, mistakes);
  Request request{.kind = "mistake", .target = mistake.target, .body = mistake.body};
  request.must_fail_with = mistake.status;
  return request;
}

Request random_import(Rng& rng) {
  Request request{.kind = "import", .target = "/v1/import/knowledge"};
  request.headers = {{"Content-Type", "application/jsonl"}};
  const std::string name = "d" + std::to_string(between(rng, 0, kNumDocuments - 1));
  request.body = base::dump_json(Json{{"id", name},
                                      {"title", random_text(rng, 3)},
                                      {"text", random_text(rng, 30) + ". " + random_text(rng, 20)},
                                      {"lang", "en"},
                                      {"access", Json::array()}}) +
                 "\n";
  return request;
}

}  // namespace kith::runtime::load
