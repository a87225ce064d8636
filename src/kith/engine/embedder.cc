#include "kith/engine/embedder.h"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <utility>

#include "kith/base/check.h"

namespace kith::engine {
namespace {

std::size_t to_size(std::int64_t value) { return static_cast<std::size_t>(value); }

// A request in work. All members are guarded by the queue's mutex, but for texts, which do not
// change, and vectors, which the compute thread fills until `is_done`.
struct Job {
  EmbedRequest request;
  std::int64_t tokens = 0;
  std::vector<float> vectors;
  // Texts handed to a pass, and texts whose pass has ended.
  std::size_t next = 0;
  std::size_t finished = 0;
  bool is_done = false;
  Status status;
};

// A text of the pass in progress.
struct Slot {
  std::shared_ptr<Job> job;
  std::size_t text = 0;
};

}  // namespace

class Embedder::Queue : public std::enable_shared_from_this<Queue> {
 public:
  Queue(std::unique_ptr<model::SentenceEncoder> encoder, ComputeThread& thread,
        const base::Clock& clock, const EmbedderOptions& options)
      : encoder_(std::move(encoder)), thread_(thread), clock_(clock), options_(options) {
    KITH_CHECK(options.max_batch_tokens >= 1 && options.max_waiting_tokens >= 1,
               "limits must be positive");
  }

  const model::SentenceEncoder& encoder() const { return *encoder_; }

  Result<std::vector<float>> embed(EmbedRequest request, const std::stop_token& cancel) {
    KITH_RETURN_IF_ERROR(check(request));
    auto job = std::make_shared<Job>();
    job->request = std::move(request);
    for (const auto& text : job->request.texts) {
      job->tokens += static_cast<std::int64_t>(text.size());
    }
    job->vectors.resize(job->request.texts.size() * to_size(encoder_->dimensions()));
    KITH_RETURN_IF_ERROR(add(job));
    {
      const std::stop_callback on_cancel(cancel, [this, &job] {
        end(*job, Error{ErrorCode::kCancelled, "cancelled"});
      });
      wait(*job);
    }
    const std::lock_guard lock(mutex_);
    if (!job->status) return job->status.error();
    return std::move(job->vectors);
  }

  // Ends what waits; what is added later is refused.
  void close() {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    for (const auto& job : jobs_) {
      end_locked(*job, Error{ErrorCode::kUnavailable, "the embedder is stopping"});
    }
    drop_done();
  }

  EmbedderStats stats() const {
    const std::lock_guard lock(mutex_);
    EmbedderStats stats = stats_;
    stats.waiting_tokens = waiting_tokens_;
    return stats;
  }

 private:
  Status check(const EmbedRequest& request) const {
    if (request.texts.empty()) {
      return Error{ErrorCode::kInvalidArgument, "there must be at least one text"};
    }
    for (std::size_t i = 0; i < request.texts.size(); ++i) {
      if (auto status = encoder_->check(request.texts[i]); !status) {
        return std::move(status).error().with_context("text " + std::to_string(i));
      }
    }
    return {};
  }

  Status add(const std::shared_ptr<Job>& job) {
    const std::lock_guard lock(mutex_);
    if (is_closed_) return Error{ErrorCode::kUnavailable, "the embedder is stopping"};
    if (waiting_tokens_ > 0 && waiting_tokens_ + job->tokens > options_.max_waiting_tokens) {
      return Error{ErrorCode::kOverloaded, "too many texts are waiting to be embedded"};
    }
    jobs_.push_back(job);
    waiting_tokens_ += job->tokens;
    ++stats_.requests;
    post();
    return {};
  }

  // REQUIRES: mutex_ held. Sees to it that a pass follows.
  void post() {
    if (is_posted_) return;
    is_posted_ = thread_.post([self = shared_from_this()] { self->run_pass(); });
    if (is_posted_) return;
    for (const auto& job : jobs_) {
      end_locked(*job, Error{ErrorCode::kUnavailable, "the compute thread is stopping"});
    }
    drop_done();
  }

  void wait(Job& job) {
    std::unique_lock lock(mutex_);
    const auto is_done = [&job] { return job.is_done; };
    const auto& deadline = job.request.deadline;
    if (!deadline) return done_.wait(lock, is_done);
    // The pass ends jobs that are late too; this is for when none comes in time.
    const auto left = *deadline - clock_.monotonic();
    if (done_.wait_for(lock, std::max(left, std::chrono::nanoseconds(0)), is_done)) return;
    // A clock that tests move by hand has more time than the wall.
    if (clock_.monotonic() < *deadline) return done_.wait(lock, is_done);
    lock.unlock();
    end(job, late());
  }

  static Error late() {
    return Error{ErrorCode::kDeadlineExceeded, "the texts were not embedded in time"};
  }

  void end(Job& job, Status status) {
    const std::lock_guard lock(mutex_);
    end_locked(job, std::move(status));
    drop_done();
  }

  // REQUIRES: mutex_ held. The first end counts.
  void end_locked(Job& job, Status status) {
    if (job.is_done) return;
    job.is_done = true;
    job.status = std::move(status);
    done_.notify_all();
  }

  // REQUIRES: mutex_ held. Forgets jobs that are done or wholly handed out.
  void drop_done() {
    std::erase_if(jobs_, [this](const std::shared_ptr<Job>& job) {
      if (!job->is_done && job->next < job->request.texts.size()) return false;
      waiting_tokens_ -= job->tokens;
      return true;
    });
  }

  // The next texts, one of each request in turn.
  std::vector<Slot> take_slots() {
    const std::lock_guard lock(mutex_);
    const auto now = clock_.monotonic();
    for (const auto& job : jobs_) {
      if (job->request.deadline && now >= *job->request.deadline) end_locked(*job, late());
    }
    drop_done();
    std::vector<Slot> slots;
    std::int64_t tokens = 0;
    while (!jobs_.empty()) {
      const std::shared_ptr<Job> job = jobs_.front();
      const auto size = static_cast<std::int64_t>(job->request.texts[job->next].size());
      if (!slots.empty() && tokens + size > options_.max_batch_tokens) break;
      tokens += size;
      slots.push_back({job, job->next++});
      jobs_.pop_front();
      if (job->next < job->request.texts.size()) {
        jobs_.push_back(job);
      } else {
        waiting_tokens_ -= job->tokens;
      }
    }
    if (slots.empty()) return slots;
    ++stats_.passes;
    stats_.texts += slots.size();
    stats_.tokens += static_cast<std::uint64_t>(tokens);
    return slots;
  }

  // On the compute thread.
  void run_pass() {
    const std::vector<Slot> slots = take_slots();
    std::vector<std::span<const text::TokenId>> texts;
    for (const Slot& slot : slots) texts.emplace_back(slot.job->request.texts[slot.text]);
    const Status status = texts.empty() ? Status() : encoder_->embed(texts, vectors_);
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < slots.size(); ++i) deliver(slots[i], i, status);
    is_posted_ = false;
    if (!jobs_.empty()) post();
  }

  // REQUIRES: mutex_ held.
  void deliver(const Slot& slot, std::size_t index, const Status& status) {
    Job& job = *slot.job;
    if (!status) {
      end_locked(job, Error{ErrorCode::kInternal, status.error().message});
      return drop_done();
    }
    // Whoever waited for a job that has ended may have taken its vectors.
    if (job.is_done) return;
    const std::size_t width = to_size(encoder_->dimensions());
    const std::span<const float> vector = std::span(vectors_).subspan(index * width, width);
    const auto is_finite = [](float value) { return std::isfinite(value); };
    if (!std::all_of(vector.begin(), vector.end(), is_finite)) {
      end_locked(job, Error{ErrorCode::kInternal,
                            "the embedding model gave a value that is not a finite number"});
      return drop_done();
    }
    std::copy(vector.begin(), vector.end(),
              job.vectors.begin() + static_cast<std::ptrdiff_t>(slot.text * width));
    if (++job.finished == job.request.texts.size()) end_locked(job, {});
  }

  const std::unique_ptr<model::SentenceEncoder> encoder_;
  ComputeThread& thread_;
  const base::Clock& clock_;
  const EmbedderOptions options_;
  std::vector<float> vectors_;  // compute thread only

  mutable std::mutex mutex_;
  std::condition_variable done_;
  // With texts to hand out; the front is served next.
  std::deque<std::shared_ptr<Job>> jobs_;  // guarded by mutex_
  std::int64_t waiting_tokens_ = 0;        // guarded by mutex_
  EmbedderStats stats_;                    // guarded by mutex_
  bool is_posted_ = false;                 // guarded by mutex_
  bool is_closed_ = false;                 // guarded by mutex_
};

Embedder::Embedder(std::unique_ptr<model::SentenceEncoder> encoder, ComputeThread& thread,
                   const base::Clock& clock, const EmbedderOptions& options)
    : queue_(std::make_shared<Queue>(std::move(encoder), thread, clock, options)) {}

Embedder::~Embedder() { queue_->close(); }

const model::SentenceEncoder& Embedder::encoder() const { return queue_->encoder(); }

Result<std::vector<float>> Embedder::embed(EmbedRequest request, const std::stop_token& cancel) {
  // A share of its own: the embedder may go while this waits.
  const std::shared_ptr<Queue> queue = queue_;
  return queue->embed(std::move(request), cancel);
}

EmbedderStats Embedder::stats() const { return queue_->stats(); }

}  // namespace kith::engine
