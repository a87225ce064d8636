// The answer to POST /v1/completions, whole or in chunks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kith::api {

// One token of a text, as the legacy "logprobs" tells of it.
struct CompletionToken {
  // Its bytes; where they are no UTF-8 of their own they are written "bytes:\xE4\xBD".
  std::string bytes;
  // Natural logarithm of its probability; absent for a token that nothing precedes.
  std::optional<double> logprob;
  // The most likely tokens in its place, best first, and itself.
  std::vector<std::pair<std::string, double>> top;
  // Where it begins in the choice's text, in code points.
  std::size_t offset = 0;
};

// A choice, or a piece of one.
struct CompletionChoice {
  std::string text;
  std::string finish_reason = "stop";
  // Absent unless asked for.
  std::optional<std::vector<CompletionToken>> tokens;
};

struct Completion {
  std::string id;
  std::int64_t created = 0;  // Unix seconds
  std::string model;
  std::vector<CompletionChoice> choices;
  int prompt_tokens = 0;
  int cached_tokens = 0;
  int completion_tokens = 0;
};

std::string completion_body(const Completion& completion);

// Writes the chunks of one answer: all have the same id, creation time and model. Immutable.
class CompletionChunkWriter {
 public:
  // Only these members of `head` are used: id, created, model.
  CompletionChunkWriter(const Completion& head, bool wants_usage);

  // More of choice `index`; the finish reason is not used.
  std::string piece(int index, const CompletionChoice& piece) const;
  // Ends `choice`, of which only the finish reason is told and, if it shows no token, the empty
  // lists of its log-probabilities.
  std::string finish(int index, const CompletionChoice& choice) const;
  // The chunk that clients asked for with include_usage: the token counts of `completion`.
  std::string usage(const Completion& completion) const;

 private:
  std::string id_;
  std::int64_t created_;
  std::string model_;
  bool wants_usage_;
};

}  // namespace kith::api
