#include "kith/engine/engine.h"

#include <future>
#include <mutex>
#include <numeric>
#include <utility>

#include "kith/engine/loop.h"

namespace kith::engine {
namespace {

// Collects all answers of a request for a caller that waits.
class CollectingSink final : public EventSink {
 public:
  explicit CollectingSink(int num_samples)
      : answers_(static_cast<std::size_t>(num_samples)), missing_(num_samples) {}

  void on_delta(const Delta& delta) override {
    Answer& answer = answers_[static_cast<std::size_t>(delta.sample)];
    answer.text += delta.text;
    answer.tokens.push_back(delta.token);
  }

  void on_finish(const Finish& finish) override {
    Answer& answer = answers_[static_cast<std::size_t>(finish.sample)];
    answer.text += finish.text;
    answer.finish = finish;
    if (--missing_ == 0) done_.set_value();
  }

  std::vector<Answer> wait() {
    done_.get_future().wait();
    return std::move(answers_);
  }

 private:
  std::vector<Answer> answers_;
  int missing_;
  std::promise<void> done_;
};

}  // namespace

double ContinuationScore::mean() const {
  if (logprobs.empty()) return 0.0;
  return std::accumulate(logprobs.begin(), logprobs.end(), 0.0) /
         static_cast<double>(logprobs.size());
}

Engine::Engine(std::unique_ptr<StepModel> model, text::Tokenizer tokenizer,
               const base::Clock& clock, const EngineOptions& options)
    : loop_(std::make_unique<Loop>(std::move(model), std::move(tokenizer), clock, options)) {}

Engine::~Engine() = default;

Result<RequestHandle> Engine::submit(GenerateRequest request, std::shared_ptr<EventSink> sink) {
  auto job = std::make_unique<Job>();
  job->request = std::move(request);
  job->sink = std::move(sink);
  return loop_->submit(std::move(job));
}

Result<std::vector<Answer>> Engine::generate(GenerateRequest request) {
  const auto sink = std::make_shared<CollectingSink>(static_cast<int>(request.samples.size()));
  KITH_ASSIGN_OR_RETURN(const RequestHandle handle, submit(std::move(request), sink));
  std::vector<Answer> answers = sink->wait();
  for (const Answer& answer : answers) {
    if (answer.finish.reason == FinishReason::kError) {
      return Error{ErrorCode::kInternal, answer.finish.error};
    }
    if (answer.finish.reason == FinishReason::kDeadline) {
      return Error{ErrorCode::kDeadlineExceeded, answer.finish.error};
    }
    if (answer.finish.reason == FinishReason::kCancelled) {
      return Error{ErrorCode::kCancelled, answer.finish.error};
    }
  }
  return answers;
}

Result<std::vector<ContinuationScore>> Engine::score(ScoreRequest request) {
  if (request.continuations.empty()) return std::vector<ContinuationScore>();
  auto job = std::make_unique<Job>();
  job->request.prompt = std::move(request.prompt);
  job->request.adapters = std::move(request.adapters);
  job->request.soft_prompt = std::move(request.soft_prompt);
  job->request.memory = std::move(request.memory);
  job->request.cache_space = std::move(request.cache_space);
  job->request.queue_class = request.queue_class;
  job->request.deadline = request.deadline;
  job->continuations = std::move(request.continuations);
  job->top_logprobs = request.top_logprobs;
  std::promise<Result<std::vector<ContinuationScore>>> promise;
  auto future = promise.get_future();
  job->on_scores = [&promise](Result<std::vector<ContinuationScore>> scores) {
    promise.set_value(std::move(scores));
  };
  // Before the loop sees the job: what is cancelled already is never computed.
  const std::stop_callback on_cancel(request.cancel,
                                     [cancelled = job->cancelled] { cancelled->store(true); });
  KITH_RETURN_IF_ERROR(loop_->submit(std::move(job)));
  return future.get();
}

bool Engine::post(std::function<void()> work) { return loop_->post(std::move(work)); }

int Engine::max_positions() const { return loop_->model().max_positions(); }

EngineStats Engine::stats() const { return loop_->stats(); }

}  // namespace kith::engine
