#include "kith/engine/loop.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <set>
#include <string>

#include "kith/base/check.h"
#include "kith/base/log.h"
#include "kith/engine/cache_space.h"

namespace kith::engine {
namespace {

int blocks_for(int tokens) { return (tokens + nn::kBlockTokens - 1) / nn::kBlockTokens; }

double to_ms(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

// Sinks and posted work are somebody else's code: what they throw must not end the compute thread.
template <typename Call>
void fenced(Call&& call) {
  try {
    call();
  } catch (const std::exception& error) {
    base::log_error(std::string("an event sink or posted work threw: ") + error.what());
  } catch (...) {
    base::log_error("an event sink or posted work threw");
  }
}

ErrorCode to_error_code(FinishReason reason) {
  if (reason == FinishReason::kDeadline) return ErrorCode::kDeadlineExceeded;
  return reason == FinishReason::kCancelled ? ErrorCode::kCancelled : ErrorCode::kInternal;
}

void add_score(ContinuationScore& score, std::span<const float> logits, text::TokenId token,
               int top_logprobs) {
  const double normalizer = log_sum_exp(logits);
  const double logit = logits[static_cast<std::size_t>(token)];
  score.logprobs.push_back(static_cast<float>(logit - normalizer));
  if (top_logprobs > 0) score.top.push_back(most_likely(logits, normalizer, top_logprobs));
}

Status check_adapters(const std::vector<WeightedAdapter>& adapters) {
  if (adapters.size() > 4) {
    return Error{ErrorCode::kInvalidArgument, "a request may blend at most 4 adapters"};
  }
  for (std::size_t i = 0; i < adapters.size(); ++i) {
    if (adapters[i].adapter == nullptr || !std::isfinite(adapters[i].weight)) {
      return Error{ErrorCode::kInvalidArgument, "an adapter's weight must be a finite number"};
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (adapters[i].adapter == adapters[j].adapter) {
        return Error{ErrorCode::kInvalidArgument,
                     "an adapter is named twice: " + adapters[i].adapter->name()};
      }
    }
  }
  return {};
}

}  // namespace

Engine::Loop::Loop(std::unique_ptr<StepModel> model, text::Tokenizer tokenizer,
                   const base::Clock& clock, const EngineOptions& options)
    : model_(std::move(model)),
      tokenizer_(std::move(tokenizer)),
      clock_(clock),
      options_(options),
      blocks_(model_->num_blocks()),
      prefixes_(blocks_),
      waiting_(options.head_starts),
      thread_([this] { run(); }) {}

Engine::Loop::~Loop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

Status Engine::Loop::check(const Job& job) const {
  const int length = static_cast<int>(job.request.prompt.size());
  const int limit = model_->max_positions();
  if (length == 0) return Error{ErrorCode::kInvalidArgument, "the prompt is empty"};
  if (length >= limit) {
    return Error{ErrorCode::kInvalidArgument,
                 "the prompt is too long: at most " + std::to_string(limit - 1) +
                     " tokens fit the model's context: " + std::to_string(length)};
  }
  const auto is_foreign = [&](text::TokenId token) {
    return token < 0 || token >= model_->vocab_size();
  };
  const auto& soft = job.request.soft_prompt;
  const bool has_foreign =
      std::any_of(job.request.prompt.begin(), job.request.prompt.end(), [&](text::TokenId token) {
        return model::is_soft_token(token) ? !soft || model::soft_row(token) >= soft->rows()
                                           : is_foreign(token);
      });
  if (has_foreign) {
    return Error{ErrorCode::kInvalidArgument, "the prompt holds a token outside the vocabulary"};
  }
  for (const auto& continuation : job.continuations) {
    if (continuation.empty() || std::any_of(continuation.begin(), continuation.end(), is_foreign)) {
      return Error{ErrorCode::kInvalidArgument, "a continuation is empty or not of the vocabulary"};
    }
    if (length + static_cast<int>(continuation.size()) > limit) {
      return Error{ErrorCode::kInvalidArgument, "a continuation does not fit the model's context"};
    }
  }
  if (job.num_sequences() < 1 || job.num_sequences() > 128 || job.request.max_tokens < 1) {
    return Error{ErrorCode::kInvalidArgument,
                 "the number of answers must be in [1, 128] and max_tokens at least 1"};
  }
  if (worst_case_blocks(job) > model_->num_blocks()) {
    return Error{ErrorCode::kInvalidArgument,
                 "prompt and answers need more kv cache than there is: " +
                     std::to_string(worst_case_blocks(job) * nn::kBlockTokens) + " tokens of " +
                     std::to_string(model_->num_blocks() * nn::kBlockTokens)};
  }
  if (job.top_logprobs < 0 || job.top_logprobs > 20) {
    return Error{ErrorCode::kInvalidArgument,
                 "top_logprobs must be in [0, 20]: " + std::to_string(job.top_logprobs)};
  }
  KITH_RETURN_IF_ERROR(check_adapters(job.request.adapters));
  KITH_RETURN_IF_ERROR(check_memory(job.request));
  const auto& grammar = job.request.grammar;
  if (grammar != nullptr &&
      static_cast<int>(grammar->vocabulary().num_tokens()) > model_->vocab_size()) {
    return Error{ErrorCode::kInvalidArgument, "the grammar is of another vocabulary"};
  }
  for (const SamplingParams& params : job.request.samples) {
    KITH_RETURN_IF_ERROR(params.validate());
    for (const auto& [token, bias] : params.logit_bias) {
      if (!is_foreign(token)) continue;
      return Error{ErrorCode::kInvalidArgument,
                   "logit_bias must name tokens of the vocabulary, [0, " +
                       std::to_string(model_->vocab_size()) + "): " + std::to_string(token)};
    }
  }
  return {};
}

Status Engine::Loop::check_memory(const GenerateRequest& request) const {
  if (!request.memory) return {};
  const auto& [bridge, matrix] = *request.memory;
  if (bridge == nullptr || matrix == nullptr) {
    return Error{ErrorCode::kInvalidArgument, "a memory needs a bridge and a matrix"};
  }
  if (matrix->width() != bridge->config().memory_width) {
    return Error{ErrorCode::kInvalidArgument, "a memory must be " +
                                                  std::to_string(bridge->config().memory_width) +
                                                  " wide: " + std::to_string(matrix->width())};
  }
  return model_->check_bridge(*bridge);
}

int Engine::Loop::worst_case_blocks(const Job& job) const {
  const int prompt = static_cast<int>(job.request.prompt.size());
  const int shared = prompt / nn::kBlockTokens;
  int blocks = shared;
  for (int i = 0; i < job.num_sequences(); ++i) {
    const int more = job.is_scoring()
                         ? static_cast<int>(job.continuations[static_cast<std::size_t>(i)].size())
                         : job.request.max_tokens;
    blocks += blocks_for(prompt + more) - shared;
  }
  return blocks;
}

Result<RequestHandle> Engine::Loop::submit(std::unique_ptr<Job> job) {
  const int room = model_->max_positions() - static_cast<int>(job->request.prompt.size());
  if (room > 0) job->request.max_tokens = std::min(job->request.max_tokens, room);
  KITH_RETURN_IF_ERROR(check(*job));
  for (const WeightedAdapter& weighted : job->request.adapters) {
    job->adapters.push_back({weighted.adapter.get(), weighted.weight});
  }
  job->submitted = clock_.monotonic();
  RequestHandle handle(job->cancelled);
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return Error{ErrorCode::kUnavailable, "the engine is stopping"};
    if (static_cast<int>(waiting_.size()) >= options_.max_waiting) {
      return Error{ErrorCode::kOverloaded, "too many requests are waiting for the model"};
    }
    const base::QueueClass queue_class = job->request.queue_class;
    const auto arrived = job->submitted;
    waiting_.push(std::move(job), queue_class, arrived);
  }
  wake_.notify_one();
  return handle;
}

bool Engine::Loop::post(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    posted_.push_back(std::move(work));
  }
  wake_.notify_one();
  return true;
}

EngineStats Engine::Loop::stats() const {
  const std::lock_guard lock(mutex_);
  EngineStats stats = stats_;
  stats.waiting = static_cast<int>(waiting_.size());
  stats.kv_blocks = model_->num_blocks();
  return stats;
}

void Engine::Loop::run() {
  while (wait_for_work()) {
    run_posted();
    drop_cancelled();
    admit();
    if (!running_.empty()) step();
    remove_done();
  }
  // Whoever posted it waits for it.
  while (run_posted()) {
  }
  std::deque<std::unique_ptr<Job>> waiting;
  {
    const std::lock_guard lock(mutex_);
    waiting = waiting_.drain();
  }
  for (auto& job : running_) finish_all(*job, FinishReason::kCancelled, "the engine is stopping");
  for (auto& job : waiting) finish_all(*job, FinishReason::kCancelled, "the engine is stopping");
}

// Returns false when the engine stops.
bool Engine::Loop::wait_for_work() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] {
    return stopping_ || !running_.empty() || !waiting_.empty() || !posted_.empty();
  });
  return !stopping_;
}

bool Engine::Loop::run_posted() {
  std::function<void()> work;
  {
    const std::lock_guard lock(mutex_);
    if (posted_.empty()) return false;
    work = std::move(posted_.front());
    posted_.pop_front();
  }
  fenced(work);
  return true;
}

std::optional<FinishReason> Engine::Loop::must_end(const Job& job) const {
  if (job.cancelled->load()) return FinishReason::kCancelled;
  const auto& deadline = job.request.deadline;
  if (deadline && clock_.monotonic() >= *deadline) return FinishReason::kDeadline;
  return std::nullopt;
}

// Ends requests that nobody waits for any more, those in the queue included.
void Engine::Loop::drop_cancelled() {
  std::vector<std::unique_ptr<Job>> dropped;
  {
    const std::lock_guard lock(mutex_);
    const auto ends = [this](const auto& job) { return must_end(*job).has_value(); };
    const auto take = [&dropped](std::unique_ptr<Job> job) { dropped.push_back(std::move(job)); };
    while (waiting_.remove_first(ends, take)) {
    }
  }
  const auto end = [this](Job& job, FinishReason reason) {
    finish_all(job, reason,
               reason == FinishReason::kCancelled ? "cancelled" : "the deadline has passed");
  };
  for (auto& job : dropped) end(*job, must_end(*job).value_or(FinishReason::kCancelled));
  for (auto& job : running_) {
    if (const auto reason = must_end(*job)) end(*job, *reason);
  }
  remove_done();
}

// In the queue's order. A large request at the head waits for room, and what stands behind it waits
// too, so it cannot starve.
void Engine::Loop::admit() {
  int sequences = 0;
  for (const auto& job : running_) sequences += job->active_sequences();
  while (true) {
    std::unique_ptr<Job> job;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) return;
      Job& head = *waiting_.front();
      const int needed = worst_case_blocks(head);
      const bool has_room =
          reserved_blocks_ + needed <= blocks_.num_blocks() &&
          (sequences == 0 || sequences + head.num_sequences() <= options_.max_sequences);
      if (!has_room) return;
      job = waiting_.pop();
      job->reserved_blocks = needed;
    }
    job->admitted = clock_.monotonic();
    job->prefilled = job->admitted;
    job->prompt.tokens = job->request.prompt;
    if (const Status projected = project_memory(*job); !projected) {
      finish_all(*job, FinishReason::kError, projected.error().message);
      continue;
    }
    reuse_prefix(*job);
    reserved_blocks_ += job->reserved_blocks;
    sequences += job->num_sequences();
    running_.push_back(std::move(job));
  }
}

// Here and not in submit(): products belong to this thread. Requests at work on the same matrix
// share its keys and values.
Status Engine::Loop::project_memory(Job& job) {
  const auto& memory = job.request.memory;
  if (!memory) return {};
  for (const auto& other : running_) {
    const auto& known = other->request.memory;
    if (known && known->bridge == memory->bridge && known->matrix == memory->matrix) {
      job.memory = other->memory;
      return {};
    }
  }
  KITH_ASSIGN_OR_RETURN(job.memory, memory->bridge->project(*memory->matrix));
  return {};
}

void Engine::Loop::step() {
  works_.clear();
  chunks_.clear();
  planned_rows_ = 0;
  int budget = options_.max_step_tokens;
  plan_sequences(budget);
  // A prompt moves by at least one block a step, however many answers are being written.
  budget = std::max(budget, nn::kBlockTokens);
  plan_prompts(budget);
  if (chunks_.empty()) return;

  start_masks();
  const Status done = model_->forward(chunks_, logits_);
  mask_worker_.wait();
  if (!done) {
    for (auto& job : running_) finish_all(*job, FinishReason::kError, done.error().message);
    return;
  }
  for (const Work& work : works_) advance(work);
  const std::lock_guard lock(mutex_);
  ++stats_.steps;
  for (const Work& work : works_) {
    (work.sequence == nullptr ? stats_.prompt_tokens : stats_.completion_tokens) +=
        static_cast<std::uint64_t>(work.tokens);
  }
  stats_.running = static_cast<int>(running_.size());
  stats_.kv_blocks_used = blocks_.num_owned();
  stats_.kv_blocks_kept = prefixes_.num_blocks();
  stats_.memory_bytes = memory_bytes();
}

// The masks that this step's tokens are drawn with are worked out while the model computes.
void Engine::Loop::start_masks() {
  constraints_.clear();
  for (const Work& work : works_) {
    Job& job = *work.job;
    if (job.request.grammar == nullptr) continue;
    if (work.sequence != nullptr) {
      Constraint& constraint = *work.sequence->constraint;
      constraint.tokens_left = job.request.max_tokens - work.sequence->generated;
      constraints_.push_back(&constraint);
    } else if (work.tokens == job.prompt.pending()) {
      job.first = std::make_unique<Constraint>(job.request.grammar);
      job.first->tokens_left = job.request.max_tokens;
      constraints_.push_back(job.first.get());
    }
  }
  mask_worker_.start(constraints_);
}

void Engine::Loop::plan_sequences(int& budget) {
  for (auto& job : running_) {
    for (auto& sequence : job->sequences) {
      if (sequence->done) continue;
      // What follows the last token of a continuation is not asked for.
      const int pending = sequence->context.pending() - (job->is_scoring() ? 1 : 0);
      const int tokens = std::min(pending, std::max(budget, 1));
      add_work(*job, sequence.get(), sequence->context, tokens, job->is_scoring());
      budget -= tokens;
    }
  }
}

void Engine::Loop::plan_prompts(int& budget) {
  for (auto& job : running_) {
    if (!job->is_prefilling() || budget <= 0) continue;
    const int tokens = std::min(job->prompt.pending(), budget);
    add_work(*job, nullptr, job->prompt, tokens, false);
    budget -= tokens;
  }
}

void Engine::Loop::add_work(Job& job, Sequence* sequence, CachedTokens& context, int tokens,
                            bool all_logits) {
  prepare_blocks(context, tokens);
  const int rows = all_logits ? tokens : 1;
  works_.push_back({&job, sequence, tokens, planned_rows_, rows});
  planned_rows_ += rows;
  const auto begin = static_cast<std::size_t>(context.cached);
  chunks_.push_back(
      {.tokens = std::span(context.tokens).subspan(begin, static_cast<std::size_t>(tokens)),
       .position = context.cached,
       .blocks = context.blocks,
       .adapters = job.adapters,
       .all_logits = all_logits,
       .soft_prompt = job.request.soft_prompt.get(),
       .memory = job.memory.get()});
}

// The last token of a prompt is always computed: its logits are the first answer token's.
void Engine::Loop::reuse_prefix(Job& job) {
  if (!options_.prefix_cache) return;
  job.cache_space = cache_space_of(job.request);
  const std::span<const text::TokenId> tokens(job.prompt.tokens);
  job.prompt.blocks = prefixes_.acquire(job.cache_space, tokens.first(tokens.size() - 1));
  job.prompt.cached = static_cast<int>(job.prompt.blocks.size()) * nn::kBlockTokens;
  job.reused_tokens = job.prompt.cached;
}

void Engine::Loop::remember(const Job& job, const CachedTokens& context) {
  if (!options_.prefix_cache || context.blocks.empty()) return;
  const auto cached = static_cast<std::size_t>(context.cached);
  prefixes_.insert(job.cache_space, std::span(context.tokens).first(cached), context.blocks);
}

// Admission has set the block aside, so one is free or idle.
std::int32_t Engine::Loop::allocate_block() {
  if (blocks_.num_free() == 0) prefixes_.evict();
  const auto block = blocks_.allocate();
  KITH_CHECK(block.has_value(), "admission set too few kv blocks aside");
  return *block;
}

// Makes the blocks for `tokens` more tokens ready to be written: the partly filled last block is
// copied if others read it too.
void Engine::Loop::prepare_blocks(CachedTokens& context, int tokens) {
  if (context.cached % nn::kBlockTokens != 0) {
    auto& last = context.blocks[static_cast<std::size_t>(context.cached / nn::kBlockTokens)];
    if (blocks_.is_shared(last)) {
      const std::int32_t copy = allocate_block();
      model_->copy_block(last, copy);
      blocks_.release(std::exchange(last, copy));
    }
  }
  while (static_cast<int>(context.blocks.size()) < blocks_for(context.cached + tokens)) {
    context.blocks.push_back(allocate_block());
  }
}

std::size_t Engine::Loop::memory_bytes() const {
  std::set<const model::ProjectedMemory*> seen;
  std::size_t bytes = 0;
  for (const auto& job : running_) {
    if (job->memory && seen.insert(job->memory.get()).second) bytes += job->memory->bytes();
  }
  return bytes;
}

std::span<const float> Engine::Loop::row(int index) const {
  const auto size = static_cast<std::size_t>(model_->vocab_size());
  return std::span(logits_).subspan(static_cast<std::size_t>(index) * size, size);
}

void Engine::Loop::advance(const Work& work) {
  Job& job = *work.job;
  if (work.sequence == nullptr) {
    job.prompt.cached += work.tokens;
    if (job.prompt.pending() == 0) start_sequences(job, row(work.first_row));
    return;
  }
  Sequence& sequence = *work.sequence;
  const int first_position = sequence.context.cached;
  sequence.context.cached += work.tokens;
  if (job.is_scoring()) {
    take_scores(job, sequence, work, first_position);
  } else {
    take_token(job, sequence, row(work.first_row));
  }
}

void Engine::Loop::add_sequences(Job& job) const {
  for (int i = 0; i < job.num_sequences(); ++i) {
    // Scoring draws nothing.
    const SamplingParams params =
        job.is_scoring() ? SamplingParams{} : job.request.samples[static_cast<std::size_t>(i)];
    job.sequences.push_back(
        std::make_unique<Sequence>(i, params, job.prompt, tokenizer_, job.request.stop));
    if (job.request.grammar == nullptr) continue;
    auto constraint = std::make_unique<Constraint>(job.request.grammar);
    if (job.first != nullptr) constraint->next = job.first->next;
    job.sequences.back()->constraint = std::move(constraint);
  }
}

// The prompt is in the cache: every answer starts from its blocks and its last logits.
void Engine::Loop::start_sequences(Job& job, std::span<const float> logits) {
  job.prefilled = clock_.monotonic();
  remember(job, job.prompt);
  add_sequences(job);
  for (auto& sequence : job.sequences) {
    sequence->context = job.prompt;
    for (const std::int32_t block : sequence->context.blocks) blocks_.share(block);
  }
  release(job.prompt);
  for (auto& sequence : job.sequences) {
    if (!job.is_scoring()) {
      take_token(job, *sequence, logits);
      continue;
    }
    const auto& continuation = job.continuations[static_cast<std::size_t>(sequence->sample)];
    auto& tokens = sequence->context.tokens;
    tokens.insert(tokens.end(), continuation.begin(), continuation.end());
    add_score(sequence->score, logits, continuation.front(), job.top_logprobs);
    if (continuation.size() == 1) sequence->done = true;
  }
}

Result<const grammar::TokenMask*> Engine::Loop::allowed_tokens(Sequence& sequence) const {
  if (sequence.constraint == nullptr) return nullptr;
  const auto& next = sequence.constraint->next;
  KITH_CHECK(next.has_value(), "the mask of every token is worked out before its logits");
  if (!*next) return next->error();
  if ((*next)->is_steered) sequence.constraint->was_steered = true;
  return &(*next)->allowed->tokens;
}

bool Engine::Loop::follow_grammar(Job& job, Sequence& sequence, text::TokenId token) {
  if (sequence.constraint == nullptr) return true;
  sequence.constraint->next.reset();
  const Status followed = sequence.constraint->matcher.advance(token);
  if (!followed) finish(job, sequence, FinishReason::kError, followed.error().message);
  return followed.has_value();
}

void Engine::Loop::take_token(Job& job, Sequence& sequence, std::span<const float> logits) {
  const auto allowed = allowed_tokens(sequence);
  if (!allowed) return finish(job, sequence, FinishReason::kError, allowed.error().message);
  auto sampled = sequence.sampler.sample(logits, *allowed);
  if (!sampled) return finish(job, sequence, FinishReason::kError, sampled.error().message);
  // An answer that was cut short says so, though it is whole.
  const FinishReason stopped = sequence.constraint != nullptr && sequence.constraint->was_steered
                                   ? FinishReason::kLength
                                   : FinishReason::kStop;
  const auto& stops = job.request.stop_tokens;
  if (std::find(stops.begin(), stops.end(), sampled->token) != stops.end()) {
    return finish(job, sequence, stopped);
  }
  if (!follow_grammar(job, sequence, sampled->token)) return;
  ++sequence.generated;
  sequence.context.tokens.push_back(sampled->token);
  const std::string shown = sequence.filter.append(sequence.decoder.append(sampled->token));
  fenced([&] {
    job.sink->on_delta(Delta{.sample = sequence.sample, .text = shown, .token = *sampled});
  });
  if (sequence.filter.stopped()) return finish(job, sequence, FinishReason::kStop);
  // Nothing can follow: the end token need not be waited for.
  if (sequence.constraint != nullptr && sequence.constraint->matcher.is_complete()) {
    return finish(job, sequence, stopped);
  }
  if (sequence.generated >= job.request.max_tokens) finish(job, sequence, FinishReason::kLength);
}

void Engine::Loop::take_scores(const Job& job, Sequence& sequence, const Work& work,
                               int first_position) {
  for (int i = 0; i < work.rows; ++i) {
    const auto next = static_cast<std::size_t>(first_position + i + 1);
    add_score(sequence.score, row(work.first_row + i), sequence.context.tokens[next],
              job.top_logprobs);
  }
  if (sequence.context.pending() <= 1) sequence.done = true;
}

void Engine::Loop::finish(Job& job, Sequence& sequence, FinishReason reason,
                          const std::string& error) {
  if (sequence.done) return;
  sequence.done = true;
  std::string rest;
  if (!sequence.filter.stopped()) {
    rest = sequence.filter.append(sequence.decoder.finish());
    rest += sequence.filter.finish();
  }
  const Finish event{.sample = sequence.sample,
                     .reason = reason,
                     .text = std::move(rest),
                     .prompt_tokens = static_cast<int>(job.request.prompt.size()),
                     .cached_tokens = job.reused_tokens,
                     .completion_tokens = sequence.generated,
                     .timings = timings(job),
                     .error = error};
  fenced([&] { job.sink->on_finish(event); });
}

void Engine::Loop::finish_all(Job& job, FinishReason reason, const std::string& error) {
  if (job.is_prefilling()) add_sequences(job);
  if (!job.is_scoring()) {
    for (auto& sequence : job.sequences) finish(job, *sequence, reason, error);
    return;
  }
  for (auto& sequence : job.sequences) sequence->done = true;
  deliver_scores(job, Error{to_error_code(reason), error});
}

// Once: a job that has delivered an error delivers nothing more.
void Engine::Loop::deliver_scores(Job& job, Result<std::vector<ContinuationScore>> scores) {
  const auto callback = std::exchange(job.on_scores, nullptr);
  if (callback) fenced([&] { callback(std::move(scores)); });
}

void Engine::Loop::release(CachedTokens& context) {
  for (const std::int32_t block : context.blocks) blocks_.release(block);
  context.blocks.clear();
}

void Engine::Loop::remove_done() {
  for (auto& job : running_) {
    for (auto& sequence : job->sequences) {
      if (!sequence->done) continue;
      if (!job->is_scoring()) remember(*job, sequence->context);
      release(sequence->context);
    }
    if (!job->is_done()) continue;
    remember(*job, job->prompt);
    release(job->prompt);
    reserved_blocks_ -= job->reserved_blocks;
    if (job->is_scoring()) {
      std::vector<ContinuationScore> scores;
      for (auto& sequence : job->sequences) scores.push_back(std::move(sequence->score));
      deliver_scores(*job, std::move(scores));
    }
  }
  std::erase_if(running_, [](const auto& job) { return job->is_done(); });
  const std::lock_guard lock(mutex_);
  stats_.running = static_cast<int>(running_.size());
  stats_.kv_blocks_used = blocks_.num_owned();
  stats_.kv_blocks_kept = prefixes_.num_blocks();
  stats_.memory_bytes = memory_bytes();
}

Timings Engine::Loop::timings(const Job& job) const {
  const auto now = clock_.monotonic();
  const bool was_admitted = job.admitted.count() != 0;
  return {.queue_ms = to_ms((was_admitted ? job.admitted : now) - job.submitted),
          .prefill_ms = to_ms(job.prefilled - job.admitted),
          .decode_ms = was_admitted ? to_ms(now - job.prefilled) : 0.0};
}

}  // namespace kith::engine
