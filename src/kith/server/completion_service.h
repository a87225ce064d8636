// What answers POST /v1/completions: the own engine, or an upstream. Implemented in runtime.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "kith/api/completion_request.h"
#include "kith/api/completion_response.h"
#include "kith/base/result.h"
#include "kith/personalize/ports.h"

namespace kith::server {

// Texts to go on with. Nobody's style, no document and no history enters them.
struct CompletionJob {
  // Never empty. Control tokens in their texts count as such: they are the model's own input.
  std::vector<api::CompletionPrompt> prompts;
  // Prompts of different tenants share nothing in caches.
  TenantId tenant;
  // Empty: the base model; several: a blend.
  std::vector<personalize::AdapterShare> adapters;
  std::shared_ptr<const personalize::SoftPrompt> soft_prompt;  // before every prompt; may be null
  // Without a seed every prompt draws anew; with one, each is drawn as if it stood alone.
  personalize::SamplingParams sampling;
  int max_tokens = 16;  // >= 0
  // Texts of each prompt: the `num_choices` likeliest of `best_of`.
  int num_choices = 1;
  int best_of = 1;
  bool echo = false;
  // Alternatives to tell of with each token, in [0, 20]; absent: nothing is told of tokens.
  std::optional<int> logprobs;
  std::vector<std::string> stop;
  personalize::OutputFormat format;
};

// Of prompt i, choice j stands at i * num_choices + j.
struct CompletionReply {
  std::vector<api::CompletionChoice> choices;
  int prompt_tokens = 0;
  int cached_tokens = 0;
  int completion_tokens = 0;  // of all `best_of`
};

// Receives texts while they are made: the pieces of a choice add up to it, echo and tokens
// included. Called from several threads, in order for each choice; must not block for long.
class CompletionSink {
 public:
  virtual ~CompletionSink() = default;
  virtual void on_piece(int choice, const api::CompletionChoice& piece) = 0;
};

// Thread-safe.
class CompletionService {
 public:
  virtual ~CompletionService() = default;

  // Whether requests go to an upstream, untouched: then forward() answers, else complete().
  virtual bool is_upstream() const = 0;

  // Blocks until all texts are there. `sink`, which may be null, is for jobs whose best_of is
  // num_choices.
  // Errors: kInvalidArgument (naming `prompt` for one that cannot be taken), kNotFound for an
  //   unknown adapter, kOverloaded, kCancelled, kDeadlineExceeded, kUnavailable, kInternal.
  virtual Result<CompletionReply> complete(const CompletionJob& job, CompletionSink* sink,
                                           const std::stop_token& cancel) = 0;

  // Takes the data of each event of an upstream's stream, "[DONE]" excluded.
  using OnEvent = std::function<void(std::string_view data)>;

  // Sends `body` to the upstream. Without `on_event` the answer's body is returned, with it (and
  // "stream" in the body) nothing.
  // Errors: kInvalidArgument with the upstream's message if it refuses, kOverloaded, kCancelled,
  //   kDeadlineExceeded, kUnavailable.
  virtual Result<std::string> forward(const std::string& body, const OnEvent& on_event,
                                      const std::stop_token& cancel) = 0;
};

}  // namespace kith::server
