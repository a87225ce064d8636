// What personalization needs from others: something that generates text, something that knows users
// by what they did, and something that counts. Implemented in `runtime` (own engine, upstreams),
// and by fakes in tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/ids.h"
#include "kith/base/queue_class.h"
#include "kith/base/result.h"
#include "kith/storage/scope.h"

namespace kith::personalize {

// One message of a chat.
struct Message {
  std::string role;     // "system", "developer", "user", "assistant", "tool"
  std::string content;  // the text; text parts of a list of parts joined by newlines
  // The message as the client sent it, a JSON object, for upstreams to pass on untouched. Empty if
  // role and content say all. Where it is not empty it wins.
  std::string raw;

  friend bool operator==(const Message&, const Message&) = default;
};

// Absent members take the generator's default.
struct SamplingParams {
  std::optional<double> temperature;  // [0, 2]; 0 is greedy
  std::optional<double> top_p;        // (0, 1]
  std::optional<double> min_p;        // [0, 1]
  std::optional<int> top_k;           // 0: off
  std::optional<double> presence_penalty;
  std::optional<double> frequency_penalty;
  std::optional<double> repetition_penalty;
  std::optional<std::uint64_t> seed;
  std::map<std::int32_t, double> logit_bias;
  bool wants_logprobs = false;
  int top_logprobs = 0;  // [0, 20]
};

// What an answer must look like.
struct OutputFormat {
  enum class Kind : std::uint8_t { kText, kJsonObject, kJsonSchema, kChoice };

  Kind kind = Kind::kText;
  std::string schema;                // kJsonSchema: JSON text
  std::vector<std::string> choices;  // kChoice: the answer is one of these
  // The request's member that asked for it, for messages.
  std::string member;

  bool is_text() const { return kind == Kind::kText; }
};

// An adapter and the factor of its update.
struct AdapterShare {
  AdapterId id;
  double weight = 1.0;

  friend bool operator==(const AdapterShare&, const AdapterShare&) = default;
};

// The one adapter in full; nothing for an empty id.
std::vector<AdapterShare> only_adapter(const AdapterId& id);

// An adapter that a generator has loaded.
struct LoadedAdapter {
  // Stays with the adapter until it is unloaded, also when it is replaced; >= 0.
  int number = 0;
  AdapterId id;
  // Below the directory of adapters; empty if unknown.
  std::string path;
};

// The weights behind adapters' names, as one lookup found them: whoever unloads or replaces the
// adapters meanwhile, all work of a request is under the same versions. What is in it, the
// generator alone knows that gave it.
class HeldAdapters {
 public:
  virtual ~HeldAdapters() = default;

  // What tells each adapter's bytes from other ones, in the order that they were asked for in;
  // empty if the generator does not know.
  virtual std::vector<std::string> fingerprints() const { return {}; }
};

// Embedding rows that stand before a prompt's first token.
struct SoftPrompt {
  int width = 0;
  std::vector<float> values;  // [rows, width], row-major, finite

  int rows() const { return width == 0 ? 0 : static_cast<int>(values.size()) / width; }
};

// The same as they came over the wire.
struct EncodedSoftPrompt {
  enum class Format : std::uint8_t { kF32, kF16, kSafetensors };

  Format format = Format::kF32;  // raw values are little-endian
  // The shape of raw values; a safetensors file knows its own.
  int rows = 0;
  int width = 0;
  std::string bytes;
};

struct UserMemory;

// A user's memory as a generator gives it to its model, worked out once for all drafts and scores
// of a request, under one version of the bridge. What is in it, the generator alone knows that gave
// it.
class HeldMemory {
 public:
  virtual ~HeldMemory() = default;

  // That it takes in the context of every prompt.
  virtual int prompt_rows() const = 0;
  // Name and version of the bridge.
  virtual std::string bridge() const = 0;
  virtual std::string bridge_version() const = 0;
};

struct GenerationRequest {
  std::vector<Message> messages;
  // Empty: the base model; several: a blend.
  std::vector<AdapterShare> adapters;
  // Those of `adapters`, from hold_adapters() of the same generator; null: found by their names.
  std::shared_ptr<const HeldAdapters> held_adapters;
  // May be null. From read_soft_prompt() of the same generator.
  std::shared_ptr<const SoftPrompt> soft_prompt;
  // May be null. From hold_memory() of the same generator. Rows that it puts into the prompt stand
  // after those of `soft_prompt`: what the application brings comes before what is known of the
  // user.
  std::shared_ptr<const HeldMemory> memory;
  // How the answer begins: what is generated goes on from there and does not hold it. Own engine
  // only; an upstream refuses one.
  std::string answer_prefix;
  // One answer is generated for each entry, all on the same prompt. Never empty.
  std::vector<SamplingParams> samples;
  // Prompts of different tenants share nothing in a generator's caches.
  TenantId tenant;
  // How soon it is admitted where requests wait for the model; the own engine's alone.
  base::QueueClass queue_class = base::QueueClass::kNormal;
  // Longest answer; absent: the generator's default.
  std::optional<int> max_tokens;
  std::vector<std::string> stop;
  // Held to by the own engine; an upstream reads the client's own words in `extra`.
  OutputFormat format;
  // The model that the client named.
  std::string model;
  // JSON object with the client's other members (tools, response_format, ...), for upstreams to
  // pass on untouched; empty if there are none.
  std::string extra;
};

struct ScoreRequest {
  std::vector<Message> messages;
  std::vector<AdapterShare> adapters;
  std::shared_ptr<const HeldAdapters> held_adapters;  // as in a GenerationRequest
  std::shared_ptr<const SoftPrompt> soft_prompt;      // may be null
  std::shared_ptr<const HeldMemory> memory;           // may be null
  TenantId tenant;
  base::QueueClass queue_class = base::QueueClass::kNormal;
  std::vector<std::string> continuations;
  // Ends the work when nobody waits for the scores any more.
  std::stop_token cancel;
};

struct GenerationTimings {
  // Until the engine has the request: the prompt rendered and cut into tokens.
  double encode_ms = 0.0;
  double queue_ms = 0.0;
  double prefill_ms = 0.0;
  double decode_ms = 0.0;
};

struct GeneratedText {
  std::string text;
  std::string finish_reason = "stop";  // "stop", "length", "tool_calls", ...
  int prompt_tokens = 0;
  // Of the prompt, known from earlier requests and not computed again.
  int cached_tokens = 0;
  int completion_tokens = 0;
  // Mean natural log-probability of the answer's tokens under the model that wrote it; absent if
  // the generator does not tell.
  std::optional<double> mean_logprob;
  // OpenAI's "logprobs" object (JSON); empty unless asked for.
  std::string logprobs;
  // Where in `text` each token of its `content` begins, in bytes; ascending.
  std::vector<std::size_t> token_begins;
  // The assistant message as an upstream sent it (JSON), when it holds more than text (tool calls);
  // else empty.
  std::string raw;
  GenerationTimings timings;
};

// A piece of an answer while it is made. Borrowed for the time of the call.
struct TextDelta {
  int sample = 0;
  std::string_view text;  // complete UTF-8
  // An upstream's delta object (JSON) when it holds more than text (tool calls); else empty.
  std::string_view raw;
  // OpenAI's "logprobs" object (JSON) of the tokens that this piece has reached; empty if there are
  // none, or they were not asked for.
  std::string_view logprobs;
};

// Called on whatever thread generates, in order for each sample, never after generate() has
// returned. Must not block for long.
class DeltaSink {
 public:
  virtual ~DeltaSink() = default;
  virtual void on_delta(const TextDelta& delta) = 0;
};

// stop_requested() becomes true when nobody waits for the answer any more. Holders of long work may
// register a std::stop_callback.
using CancelToken = std::stop_token;

struct GeneratorCapabilities {
  bool is_own_engine = false;
  bool has_adapters = false;
  bool has_tools = false;   // passes "tools" and unknown members on
  bool has_images = false;  // passes message parts other than text on
  bool has_scores = false;  // score() works
  // Why it gives no user's memory to its model; empty: hold_memory() works.
  std::string no_memories = "no bridge";
  // Longest prompt with its answer.
  int context_tokens = 4096;
  // Name of the model served.
  std::string model;
};

// How the message of kInvalidArgument begins for a request that there is no room for: its prompt
// alone, or with its answers.
inline constexpr std::string_view kPromptTooLong = "the prompt is too long";
inline constexpr std::string_view kAnswersTooLong = "prompt and answers need more";

// Thread-safe.
class Generator {
 public:
  virtual ~Generator() = default;

  virtual GeneratorCapabilities capabilities() const = 0;
  // Whether generate() would be taken on now.
  virtual bool ready() const = 0;
  // In no particular order.
  virtual std::vector<AdapterId> adapter_names() const = 0;
  // In the order of their numbers. The default numbers adapter_names() in the order of the names.
  virtual std::vector<LoadedAdapter> loaded_adapters() const;

  // Makes the adapter in `path` usable under `id` for later requests, while others run. A relative
  // path is one below the directory of adapters, and none may lead out of it.
  //   replaces: take the place of an adapter of that name; else that is kConflict
  // Errors: kInvalidArgument for a bad name, path or adapter; kNotFound without the files;
  //   kUnavailable if this generator has no adapters of its own (the default). Messages begin with
  //   `lora_name` or `lora_path`, whichever is at fault, and never tell where the directory lies.
  virtual Status load_adapter(const AdapterId& id, const std::string& path, bool replaces);
  // Running requests keep the adapter until they end. Errors: kNotFound; kUnavailable as above.
  virtual Status unload_adapter(const AdapterId& id);

  // Finds the adapters for all the work of one request; may read files. Held until the result goes.
  // The default finds the names in adapter_names() and returns null.
  // Errors, naming the adapter: kNotFound if it is not loaded; kUnavailable if it had to leave
  //   memory and its files cannot be read any more.
  virtual Result<std::shared_ptr<const HeldAdapters>> hold_adapters(
      std::span<const AdapterShare> shares) const;

  // Checks rows for this generator's model.
  // Errors: kInvalidArgument, naming `kith.soft_prompt` and what is wrong: no rows, another width
  //   than the model's, bytes that do not fit the shape, values that are not finite, more rows than
  //   the context holds; any, if this generator takes none (the default).
  virtual Result<std::shared_ptr<const SoftPrompt>> read_soft_prompt(
      const EncodedSoftPrompt& encoded) const;

  // Brings a memory into the form that the model takes. Computes on the calling thread for
  // milliseconds.
  // Errors: kUnavailable if capabilities().no_memories says why (the default); kConflict for a
  // memory
  //   of another encoder than the bridge was trained with; kInvalidArgument for one of another
  //   shape.
  virtual Result<std::shared_ptr<const HeldMemory>> hold_memory(const UserMemory& memory) const;

  // Blocks until all answers are there, in the order of `samples`. A sink, which may be null, sees
  // each answer as it is made; the deltas of a sample add up to its text and its log-probabilities.
  // Errors: kInvalidArgument for a request that this generator cannot take (naming the field; one
  //   that is too long: see kPromptTooLong),
  //   kOverloaded, kUnavailable, kDeadlineExceeded, kCancelled, kNotFound for an unknown adapter.
  virtual Result<std::vector<GeneratedText>> generate(const GenerationRequest& request,
                                                      DeltaSink* sink,
                                                      const CancelToken& cancel) = 0;

  // Mean natural log-probability per token of each continuation as the answer to the request's
  // messages under its adapter. Errors: as generate(); kUnavailable if capabilities().has_scores
  // is false.
  virtual Result<std::vector<double>> score(const ScoreRequest& request) = 0;

  // Tokens that `text` takes in a prompt. The default is an estimate on the safe side, for
  // generators that cannot count: a token for 3 bytes of ASCII or for each other code point.
  virtual std::size_t count_tokens(std::string_view text) const;
};

// What the user encoder says of a user, as a language model's bridge reads it
// (timeline/user_embedder.h, ADR 26).
struct UserMemory {
  // [rows, width], row-major; shared and never changed.
  std::shared_ptr<const std::vector<float>> latents;
  int rows = 0;
  int width = 0;
  // Of the encoder: memories of two versions are never compared.
  std::string version;
  // Events that it was made of: 0 for a mean.
  std::int64_t num_events = 0;
  // When it was made.
  base::UnixMicros at = 0;
  // The user has no events of his own: this is the mean over users of his persona.
  bool is_persona_mean = false;
  // Whose mean it is; empty: that of all users.
  PersonaId persona;
};

// Thread-safe.
class UserEncoder {
 public:
  virtual ~UserEncoder() = default;

  // The user's memory, at most as old as the implementation says. No value: nothing is known of the
  // user, or he refuses that Kith learns from him. Never blocks for a history to be read again: who
  // is not at hand gets what is stored.
  // Errors: those of the stores.
  virtual Result<std::optional<UserMemory>> memory_of(const storage::Scope& scope) = 0;
};

// Tokens of one request.
struct AnswerTokens {
  int prompt = 0;
  int completion = 0;  // of the answers shown
  int generated = 0;   // that the model wrote, drafts that nobody sees among them
};

// Counters of what the pipeline did. Thread-safe. Names are few and fixed, never a user's id.
class PipelineMetrics {
 public:
  virtual ~PipelineMetrics() = default;

  virtual void on_request(std::string_view outcome) = 0;  // "answered" or an error's name
  virtual void on_step(std::string_view step, double ms) = 0;
  // A step was skipped because it failed or was late.
  virtual void on_degraded(std::string_view step, std::string_view reason) = 0;
  // The persona answered for ("none" without one) and the source of the chosen candidate.
  virtual void on_answer(std::string_view persona, std::string_view source,
                         const AnswerTokens& tokens) = 0;
};

// Counts nothing.
class NoMetrics final : public PipelineMetrics {
 public:
  void on_request(std::string_view) override {}
  void on_step(std::string_view, double) override {}
  void on_degraded(std::string_view, std::string_view) override {}
  void on_answer(std::string_view, std::string_view, const AnswerTokens&) override {}
};

}  // namespace kith::personalize
