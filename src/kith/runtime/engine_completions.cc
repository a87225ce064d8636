#include "kith/runtime/engine_completions.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <numeric>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "kith/runtime/engine_request.h"
#include "kith/runtime/token_trace.h"
#include "kith/text/utf8.h"

namespace kith::runtime {
namespace {

using server::CompletionJob;
using server::CompletionReply;
using server::CompletionSink;

// Prompts of one request in work at once: enough to fill the engine's steps, and not its queue.
constexpr std::size_t kMaxPromptsInWork = 8;

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

api::CompletionToken describe(const text::Tokenizer& tokenizer, text::TokenId id,
                              std::size_t offset) {
  api::CompletionToken token;
  token.bytes = std::string(tokenizer.id_to_bytes(id));
  token.offset = offset;
  return token;
}

// `top` and, behind it, the token itself if it is not among them.
void put_logprobs(const text::Tokenizer& tokenizer, text::TokenId id, float logprob,
                  const std::vector<engine::TokenLogprob>& top, api::CompletionToken& token) {
  token.logprob = static_cast<double>(logprob);
  bool has_itself = false;
  for (const auto& other : top) {
    token.top.emplace_back(std::string(tokenizer.id_to_bytes(other.token)),
                           static_cast<double>(other.logprob));
    has_itself = has_itself || other.token == id;
  }
  if (!has_itself) token.top.emplace_back(token.bytes, *token.logprob);
}

// Says which prompt is at fault.
Error explain_prompt(Error error, std::size_t index, std::size_t num_prompts) {
  const bool is_prompts =
      error.code == ErrorCode::kInvalidArgument &&
      (error.message.starts_with("the prompt") || error.message.starts_with("prompt and answers") ||
       error.message.starts_with("a continuation"));
  if (!is_prompts) return error;
  return std::move(error).with_context(num_prompts == 1 ? "prompt"
                                                        : "prompt[" + std::to_string(index) + "]");
}

}  // namespace

// What all prompts of a job share.
struct EngineCompletions::Common {
  const CompletionJob& job;
  std::vector<engine::WeightedAdapter> adapters;
  std::shared_ptr<const model::SoftPrompt> soft_prompt;
  std::vector<text::TokenId> soft_tokens;
  std::shared_ptr<const grammar::TokenGrammar> grammar;
};

// The texts of one prompt while they are made. The engine's thread writes, the caller's waits.
class EngineCompletions::PromptRun final : public engine::EventSink {
 public:
  // `echo` begins every text and has tokens if the job asks for them. `sink` may be null; its
  // choices are counted from `first_choice`.
  PromptRun(const CompletionJob& job, const text::Tokenizer& tokenizer,
            const api::CompletionChoice& echo, CompletionSink* sink, int first_choice)
      : tokenizer_(tokenizer),
        has_tokens_(job.logprobs.has_value()),
        sink_(sink),
        first_choice_(first_choice),
        missing_(job.best_of) {
    const std::size_t begin = text::count_code_points(echo.text);
    for (int i = 0; i < job.best_of; ++i) {
      texts_.push_back({TokenTrace(tokenizer, true, begin), echo, {}, 0.0, 0, 0});
      if (sink_ != nullptr && !echo.text.empty()) sink_->on_piece(first_choice_ + i, echo);
    }
  }

  void on_delta(const engine::Delta& delta) override {
    Text& text = texts_[static_cast<std::size_t>(delta.sample)];
    if (has_tokens_) text.trace.add(delta.token);
    text.logprob_sum += static_cast<double>(delta.token.logprob);
    ++text.num_tokens;
    show(delta.sample, delta.text);
  }

  void on_finish(const engine::Finish& finish) override {
    texts_[static_cast<std::size_t>(finish.sample)].finish = finish;
    show(finish.sample, finish.text);
    const std::lock_guard lock(mutex_);
    if (--missing_ == 0) done_.notify_all();
  }

  void wait() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return missing_ == 0; });
  }

  // The `num_choices` likeliest texts, by the mean over their tokens as OpenAI ranks them, in the
  // order in which they were drawn if all are wanted. Errors: that of a text that failed.
  Result<CompletionReply> collect(int num_choices) {
    CompletionReply reply;
    for (Text& text : texts_) {
      KITH_RETURN_IF_ERROR(to_status(text.finish));
      text.choice.finish_reason =
          text.finish.reason == engine::FinishReason::kLength ? "length" : "stop";
      reply.prompt_tokens = text.finish.prompt_tokens;
      reply.cached_tokens = text.finish.cached_tokens;
      reply.completion_tokens += text.finish.completion_tokens;
    }
    std::vector<std::size_t> order(texts_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (static_cast<std::size_t>(num_choices) < texts_.size()) {
      std::stable_sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
        return texts_[a].mean_logprob() > texts_[b].mean_logprob();
      });
      order.resize(static_cast<std::size_t>(num_choices));
    }
    for (const std::size_t i : order) reply.choices.push_back(std::move(texts_[i].choice));
    return reply;
  }

 private:
  struct Text {
    TokenTrace trace;
    api::CompletionChoice choice;
    engine::Finish finish;
    double logprob_sum = 0.0;
    int num_tokens = 0;
    std::size_t shown_bytes = 0;  // without the echo

    double mean_logprob() const { return num_tokens == 0 ? 0.0 : logprob_sum / num_tokens; }
  };

  // Takes the next bytes of a text, and the tokens that they reach.
  void show(int sample, std::string_view shown) {
    if (shown.empty()) return;
    Text& text = texts_[static_cast<std::size_t>(sample)];
    text.shown_bytes += shown.size();
    api::CompletionChoice piece;
    piece.text = std::string(shown);
    if (has_tokens_) {
      piece.tokens.emplace();
      for (const auto& [token, code_point, byte] : text.trace.take(text.shown_bytes)) {
        piece.tokens->push_back(describe(tokenizer_, token.token, code_point));
        put_logprobs(tokenizer_, token.token, token.logprob, token.top, piece.tokens->back());
      }
      auto& all = *text.choice.tokens;
      all.insert(all.end(), piece.tokens->begin(), piece.tokens->end());
    }
    text.choice.text += shown;
    if (sink_ != nullptr) sink_->on_piece(first_choice_ + sample, piece);
  }

  const text::Tokenizer& tokenizer_;
  const bool has_tokens_;
  CompletionSink* const sink_;
  const int first_choice_;
  std::vector<Text> texts_;
  std::mutex mutex_;
  std::condition_variable done_;
  int missing_;  // guarded by mutex_
};

Result<EngineCompletions::Common> EngineCompletions::prepare(const CompletionJob& job) const {
  Common common{.job = job};
  KITH_ASSIGN_OR_RETURN(common.soft_prompt, put_before(job.soft_prompt, common.soft_tokens));
  KITH_ASSIGN_OR_RETURN(common.adapters, generator_.find_adapters(job.adapters));
  KITH_ASSIGN_OR_RETURN(common.grammar, generator_.grammars().get(job.format));
  return common;
}

// The prompt's own tokens with the probability of each after those before it.
Result<std::vector<api::CompletionToken>> EngineCompletions::score_prompt(
    const Common& common, const std::vector<text::TokenId>& tokens, const std::stop_token& cancel) {
  const text::Tokenizer& tokenizer = generator_.model().tokenizer;
  std::vector<api::CompletionToken> told;
  TokenTrace trace(tokenizer, false);
  for (const text::TokenId id : tokens) {
    told.push_back(describe(tokenizer, id, trace.code_points()));
    trace.add({.token = id});
  }
  // Nothing precedes the first token, unless rows do.
  const std::size_t given = common.soft_tokens.empty() ? 1 : 0;
  if (tokens.size() <= given) return told;
  const std::size_t length = common.soft_tokens.size() + tokens.size();
  const auto limit = static_cast<std::size_t>(generator_.engine().max_positions());
  if (length > limit) {
    return Error{ErrorCode::kInvalidArgument,
                 std::string(personalize::kPromptTooLong) + ": at most " + std::to_string(limit) +
                     " tokens fit the model's context: " + std::to_string(length)};
  }
  const auto first = tokens.begin() + static_cast<std::ptrdiff_t>(given);
  engine::ScoreRequest request;
  request.prompt = common.soft_tokens;
  request.prompt.insert(request.prompt.end(), tokens.begin(), first);
  request.continuations = {{first, tokens.end()}};
  request.adapters = common.adapters;
  request.soft_prompt = common.soft_prompt;
  request.cache_space = common.job.tenant.str();
  request.top_logprobs = common.job.logprobs.value_or(0);
  request.cancel = cancel;
  KITH_ASSIGN_OR_RETURN(const auto scores, generator_.engine().score(std::move(request)));
  const engine::ContinuationScore& score = scores.front();
  for (std::size_t i = given; i < tokens.size(); ++i) {
    const auto top = score.top.empty() ? std::vector<engine::TokenLogprob>() : score.top[i - given];
    put_logprobs(tokenizer, tokens[i], score.logprobs[i - given], top, told[i]);
  }
  return told;
}

Status EngineCompletions::generate(const Common& common, const std::vector<text::TokenId>& tokens,
                                   const std::shared_ptr<PromptRun>& run,
                                   const std::stop_token& cancel) {
  const CompletionJob& job = common.job;
  engine::GenerateRequest request;
  request.prompt = common.soft_tokens;
  request.prompt.insert(request.prompt.end(), tokens.begin(), tokens.end());
  request.adapters = common.adapters;
  request.soft_prompt = common.soft_prompt;
  request.cache_space = job.tenant.str();
  engine::SamplingParams params = to_engine(job.sampling);
  if (!job.sampling.seed) params.seed = random_seed();
  params.top_logprobs = job.logprobs.value_or(0);
  request.samples.assign(static_cast<std::size_t>(job.best_of), params);
  request.max_tokens = job.max_tokens;
  request.stop = job.stop;
  request.stop_tokens = generator_.model().stop_tokens;
  request.grammar = common.grammar;
  KITH_ASSIGN_OR_RETURN(const auto handle, generator_.engine().submit(std::move(request), run));
  const std::stop_callback on_cancel(cancel, [&handle] { handle.cancel(); });
  run->wait();
  return {};
}

Result<CompletionReply> EngineCompletions::run_prompt(const Common& common, std::size_t index,
                                                      CompletionSink* sink,
                                                      const std::stop_token& cancel) {
  const CompletionJob& job = common.job;
  const api::CompletionPrompt& prompt = job.prompts[index];
  const text::Tokenizer& tokenizer = generator_.model().tokenizer;
  const auto tokens =
      prompt.is_tokens
          ? prompt.tokens
          : tokenizer.encode(prompt.text, {.add_special_tokens = true, .parse_special = true});
  api::CompletionChoice echo;
  if (job.logprobs) echo.tokens.emplace();
  if (job.echo) {
    echo.text = prompt.is_tokens ? tokenizer.decode(tokens, {.skip_special = true}) : prompt.text;
    if (job.logprobs) {
      KITH_ASSIGN_OR_RETURN(echo.tokens, score_prompt(common, tokens, cancel));
    }
  }
  const int first_choice = static_cast<int>(index) * job.num_choices;
  const auto run = std::make_shared<PromptRun>(job, tokenizer, echo, sink, first_choice);
  if (job.max_tokens > 0) {
    KITH_RETURN_IF_ERROR(generate(common, tokens, run, cancel));
    return run->collect(job.num_choices);
  }
  CompletionReply reply;
  reply.prompt_tokens = static_cast<int>(common.soft_tokens.size() + tokens.size());
  echo.finish_reason = "length";
  reply.choices.assign(static_cast<std::size_t>(job.num_choices), echo);
  return reply;
}

Result<CompletionReply> EngineCompletions::complete(const CompletionJob& job, CompletionSink* sink,
                                                    const std::stop_token& cancel) {
  KITH_ASSIGN_OR_RETURN(const Common common, prepare(job));
  const std::size_t num_prompts = job.prompts.size();
  std::vector<CompletionReply> replies(num_prompts);
  std::stop_source stop;
  const std::stop_callback on_cancel(cancel, [&stop] { stop.request_stop(); });
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::optional<Error> failure;  // the first; guarded by mutex
  const auto work = [&] {
    for (std::size_t i = next++; i < num_prompts; i = next++) {
      auto reply = run_prompt(common, i, sink, stop.get_token());
      if (reply) {
        replies[i] = *std::move(reply);
        continue;
      }
      const std::lock_guard lock(mutex);
      if (!failure) failure = explain_prompt(std::move(reply).error(), i, num_prompts);
      // The others' work would be for nothing.
      stop.request_stop();
      return;
    }
  };
  {
    std::vector<std::jthread> helpers;
    for (std::size_t i = 1; i < std::min(num_prompts, kMaxPromptsInWork); ++i) {
      helpers.emplace_back(work);
    }
    work();
  }
  if (failure) return *std::move(failure);
  CompletionReply whole;
  for (CompletionReply& reply : replies) {
    std::move(reply.choices.begin(), reply.choices.end(), std::back_inserter(whole.choices));
    whole.prompt_tokens += reply.prompt_tokens;
    whole.cached_tokens += reply.cached_tokens;
    whole.completion_tokens += reply.completion_tokens;
  }
  return whole;
}

Result<std::string> EngineCompletions::forward(const std::string&, const OnEvent&,
                                               const std::stop_token&) {
  return Error{ErrorCode::kUnavailable, "there is no upstream"};
}

}  // namespace kith::runtime
