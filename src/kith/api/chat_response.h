// The answer to POST /v1/chat/completions, whole or in chunks, with the `kith` object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kith::api {

struct KithPlanStep {
  std::string technique;
  bool used = false;
  std::string reason;
  int tokens = 0;
  double ms = 0.0;
};

struct KithPassage {
  std::string id;
  std::string title;
  std::size_t start = 0;  // bytes of the document's text
  std::size_t end = 0;
  std::string text;
};

struct KithCandidate {
  std::size_t part = 0;  // of a prompt that was parted
  std::string source;
  double ne = 0.0;
  std::optional<double> mean_logprob;
  std::optional<double> grounding;
  bool is_chosen = false;
  std::string excerpt;
};

// A piece of the prompt and who answered it.
struct KithRoutePart {
  std::size_t start = 0;  // bytes of the last user message
  std::size_t end = 0;
  std::string persona;
  // Name to weight; empty: the base model.
  std::vector<std::pair<std::string, double>> adapters;
  std::vector<std::pair<std::string, double>> scores;  // most likely first
  std::vector<std::pair<std::string, double>> topics;  // the same; empty: of none that is known
};

// What the router saw in the prompt and made of it; `kind` is empty if there was none.
struct KithRoute {
  std::string kind;  // "one", "blend", "parts" or "base"
  std::string reason;
  std::vector<std::pair<std::string, double>> scores;  // most likely first
  double margin = 0.0;
  double threshold = 0.0;
  double out_of_scope = 0.0;
  double out_of_scope_threshold = 0.0;
  double split = 0.0;
  double split_threshold = 0.0;
  std::vector<KithRoutePart> parts;
};

struct KithEvidence {
  std::string persona;
  std::string source;
  std::string detail;
  double weight = 0.0;
};

// Name to text, and name to number, of a style. Absent parts are absent.
struct KithStyleReport {
  std::map<std::string, std::string> texts;
  std::map<std::string, double> numbers;

  bool empty() const { return texts.empty() && numbers.empty(); }
};

// Who takes over from the answer; `reason` is empty if nobody does.
struct KithEscalation {
  std::string reason;
  std::string name;
  std::string channel;
  std::string hours;
  bool is_in_text = false;
};

struct KithDegradation {
  std::string step;
  std::string reason;
};

// The `kith` object of a response. Empty parts are left out of the JSON, never null.
struct KithResponse {
  std::string user;
  std::string conversation;
  std::string decision;
  std::vector<std::pair<std::string, double>> persona;  // most likely first
  std::optional<double> abstain;                        // none of them
  std::string assigned_persona;
  std::string queue_class;  // "normal", "high", "urgent"; empty: not said
  std::vector<KithEvidence> evidence;
  std::string adapter;
  int adapter_version = 0;  // 0: not a registered version
  // Name to weight, of a blend alone.
  std::vector<std::pair<std::string, double>> adapters;
  KithRoute route;
  std::vector<KithPlanStep> plan;
  std::vector<KithPassage> passages;
  std::vector<KithCandidate> candidates;
  // That the model wrote, drafts that nobody sees among them; 0 while the answer is being made.
  int generated_tokens = 0;
  // Absent while the answer is being made.
  std::optional<double> probability;
  KithStyleReport style_asked;
  KithStyleReport style_measured;
  KithEscalation escalation;
  std::vector<KithDegradation> degraded;
  std::vector<std::pair<std::string, double>> timing_ms;
};

struct ChatChoice {
  std::string text;
  std::string finish_reason = "stop";
  std::string logprobs;  // JSON; empty: null
  std::string raw;       // an upstream's message (JSON object); empty: role and text say all
};

struct ChatCompletion {
  std::string id;
  std::int64_t created = 0;  // Unix seconds
  std::string model;
  std::vector<ChatChoice> choices;
  int prompt_tokens = 0;
  int cached_tokens = 0;
  int completion_tokens = 0;
  KithResponse kith;
};

std::string chat_completion_body(const ChatCompletion& completion);

// A piece of a choice. Borrowed.
struct ChatPiece {
  std::string_view text;
  // An upstream's delta (JSON object), which then replaces the text; empty if there is none. Its
  // tool calls get the `index` that clients need if the upstream left it out.
  std::string_view raw;
  // OpenAI's "logprobs" object (JSON) of the tokens of this piece; empty: null.
  std::string_view logprobs;
};

// Writes the chunks of one answer: all have the same id, creation time and model.
class ChunkWriter {
 public:
  // Only these members of `head` are used: id, created, model.
  ChunkWriter(const ChatCompletion& head, bool wants_usage);

  // Opens choice `index`: role, empty content, and for the first choice what is known for the
  // `kith` object.
  std::string start(int index, const KithResponse* kith) const;
  std::string delta(int index, const ChatPiece& piece) const;
  // Ends `choice`, of which only the finish reason is told and, if it shows no token, its empty
  // list of log-probabilities. `kith`, which may be null, is the complete object.
  std::string finish(int index, const ChatChoice& choice, const KithResponse* kith) const;
  // The chunk that clients asked for with include_usage: the token counts of `completion`.
  std::string usage(const ChatCompletion& completion) const;

 private:
  std::string id_;
  std::int64_t created_;
  std::string model_;
  bool wants_usage_;
};

}  // namespace kith::api
