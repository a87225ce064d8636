// Answers that nobody gets: a version in shadow answers a share of the requests again, after their
// users have been answered, so that it can be judged on real questions before it serves anyone.
//
// Users come first. A shadow answer is begun only while no request is in work, is broken off when
// one comes, and is dropped when too many wait or one has waited too long. Its tokens are nobody's.
// What it says stands in the decision's document as `shadow` {"adapter","version","text",
// "mean_logprob"?,"tokens","ms","served":{"version","text"},"measures":{..}} and goes when the user
// is erased. It is measured here, beside the draft that the serving version made of the same
// prompt, as nobody has the prompt afterwards; persona/shadow_trial.h judges many of them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>

#include "kith/base/clock.h"
#include "kith/base/ids.h"
#include "kith/personalize/adapter_versions.h"
#include "kith/personalize/ports.h"
#include "kith/personalize/recording_gate.h"
#include "kith/personalize/shadow_measures.h"
#include "kith/storage/decision_store.h"

namespace kith::personalize {

// A request that was answered and recorded.
struct ShadowOrder {
  storage::Scope scope;
  DecisionId decision;
  // The generator's name of the version in shadow.
  AdapterId loaded;
  // As the user's draft was asked for, with the adapters that made it; they are replaced.
  GenerationRequest request;
  // The first of the drafts, and the registered version that made it, or 0.
  GeneratedText served = {};
  int served_version = 0;
  Yardstick yardstick = {};
  std::shared_ptr<const RecordingGate::Visit> visit;
};

struct ShadowLimits {
  // Orders that wait at most; more are dropped.
  std::size_t waiting = 16;
  std::chrono::seconds longest_wait{60};
};

// Thread-safe. Borrows everything.
class ShadowRunner {
 public:
  ShadowRunner(Generator& generator, storage::DecisionStore& decisions, RecordingGate& gate,
               AdapterVersions& versions, const base::Clock& clock, ShadowLimits limits = {});
  // Breaks off what runs and drops what waits.
  ~ShadowRunner();
  ShadowRunner(const ShadowRunner&) = delete;
  ShadowRunner& operator=(const ShadowRunner&) = delete;

  // A request in work, for as long as this lives.
  class Request {
   public:
    explicit Request(ShadowRunner* runner) : runner_(runner) {
      if (runner_ != nullptr) runner_->begin_request();
    }
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;
    ~Request() {
      if (runner_ != nullptr) runner_->end_request();
    }

   private:
    ShadowRunner* runner_;
  };

  // Returns at once. False if the order was dropped, as too many wait.
  bool offer(ShadowOrder order);

 private:
  struct Waiting {
    ShadowOrder order;
    std::chrono::nanoseconds since;
  };

  void begin_request();
  void end_request();
  void loop(const std::stop_token& stop);
  // Waits until there is an order and nobody is in work. False: it is time to end.
  bool wait_for_order(const std::stop_token& stop, Waiting& next, std::stop_token& cancel);
  void answer(ShadowOrder order, const std::stop_token& cancel);
  // Generates and stores. Errors: kCancelled if a request came; those of generator and store.
  Status answer_and_store(ShadowOrder& order, const std::stop_token& cancel);

  Generator& generator_;
  storage::DecisionStore& decisions_;
  RecordingGate& gate_;
  AdapterVersions& versions_;
  const base::Clock& clock_;
  const ShadowLimits limits_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Waiting> waiting_;  // guarded by mutex_, as are the next two
  int num_requests_ = 0;
  std::stop_source running_;
  std::jthread thread_;
};

}  // namespace kith::personalize
