#include "kith/personalize/shadow_runner.h"

#include <optional>
#include <utility>
#include <vector>

#include "kith/base/json.h"
#include "kith/base/log.h"

namespace kith::personalize {
namespace {

// Both drafts under the version that the request's adapters name, the shadow's first.
Result<std::vector<double>> score_both(Generator& generator, const GenerationRequest& request,
                                       const std::string& shadow, const std::string& served,
                                       const std::stop_token& cancel) {
  return generator.score({.messages = request.messages,
                          .adapters = request.adapters,
                          .held_adapters = request.held_adapters,
                          .soft_prompt = request.soft_prompt,
                          .memory = request.memory,
                          .tenant = request.tenant,
                          .queue_class = request.queue_class,
                          .continuations = {shadow, served},
                          .cancel = cancel});
}

// How likely each draft is under each of the two versions.
struct Likelihoods {
  std::vector<double> serving;  // [2], shadow's draft and served one
  std::vector<double> shadow;   // [2]
};

base::OrderedJson to_measures(const ShadowOrder& order, const GeneratedText& said,
                              const std::optional<Likelihoods>& likelihoods) {
  auto shadow = measure_draft(said.text, said.finish_reason, order.yardstick);
  auto served = measure_draft(order.served.text, order.served.finish_reason, order.yardstick);
  if (likelihoods) {
    shadow["logprob_own"] = shadow["logprob_shadow"] = likelihoods->shadow[0];
    shadow["logprob_serving"] = likelihoods->serving[0];
    served["logprob_own"] = served["logprob_serving"] = likelihoods->serving[1];
    served["logprob_shadow"] = likelihoods->shadow[1];
  }
  return {{"shadow", shadow},
          {"served", served},
          {"overlap", words_in_common(said.text, order.served.text)}};
}

std::string to_document(const ShadowOrder& order, int version, const GeneratedText& said,
                        base::OrderedJson measures, double ms) {
  base::OrderedJson json{
      {"adapter", order.loaded.str()}, {"version", version}, {"text", said.text}};
  if (said.mean_logprob) json["mean_logprob"] = *said.mean_logprob;
  json["tokens"] = said.completion_tokens;
  json["ms"] = ms;
  json["served"] = {{"version", order.served_version}, {"text", order.served.text}};
  json["measures"] = std::move(measures);
  return base::dump_json(json);
}

}  // namespace

ShadowRunner::ShadowRunner(Generator& generator, storage::DecisionStore& decisions,
                           RecordingGate& gate, AdapterVersions& versions, const base::Clock& clock,
                           ShadowLimits limits)
    : generator_(generator),
      decisions_(decisions),
      gate_(gate),
      versions_(versions),
      clock_(clock),
      limits_(limits),
      thread_([this](const std::stop_token& stop) { loop(stop); }) {}

ShadowRunner::~ShadowRunner() {
  thread_.request_stop();
  {
    const std::lock_guard lock(mutex_);
    running_.request_stop();
  }
  changed_.notify_all();
}

bool ShadowRunner::offer(ShadowOrder order) {
  const AdapterId loaded = order.loaded;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() < limits_.waiting) {
      waiting_.push_back({std::move(order), clock_.monotonic()});
      changed_.notify_all();
      return true;
    }
  }
  versions_.on_shadow(loaded, false);
  return false;
}

void ShadowRunner::begin_request() {
  const std::lock_guard lock(mutex_);
  ++num_requests_;
  running_.request_stop();
}

void ShadowRunner::end_request() {
  const std::lock_guard lock(mutex_);
  --num_requests_;
  changed_.notify_all();
}

bool ShadowRunner::wait_for_order(const std::stop_token& stop, Waiting& next,
                                  std::stop_token& cancel) {
  std::unique_lock lock(mutex_);
  const bool is_there =
      changed_.wait(lock, stop, [this] { return num_requests_ == 0 && !waiting_.empty(); });
  if (!is_there || stop.stop_requested()) return false;
  next = std::move(waiting_.front());
  waiting_.pop_front();
  running_ = std::stop_source();
  cancel = running_.get_token();
  return true;
}

void ShadowRunner::loop(const std::stop_token& stop) {
  Waiting next;
  std::stop_token cancel;
  while (wait_for_order(stop, next, cancel)) {
    if (clock_.monotonic() - next.since > limits_.longest_wait) {
      versions_.on_shadow(next.order.loaded, false);
      next.order = {};
    } else {
      answer(std::exchange(next.order, {}), cancel);
    }
  }
}

void ShadowRunner::answer(ShadowOrder order, const std::stop_token& cancel) {
  // A library below may throw; nobody waits for this answer.
  try {
    const Status done = answer_and_store(order, cancel);
    versions_.on_shadow(order.loaded, static_cast<bool>(done));
    if (!done && done.error().code != ErrorCode::kCancelled) {
      base::log_warn("a shadow answer failed: " + done.error().message);
    }
  } catch (const std::exception& exception) {
    base::log_warn(std::string("a shadow answer failed: ") + exception.what());
  }
}

Status ShadowRunner::answer_and_store(ShadowOrder& order, const std::stop_token& cancel) {
  const GenerationRequest serving = order.request;
  order.request.adapters = only_adapter(order.loaded);
  KITH_ASSIGN_OR_RETURN(order.request.held_adapters,
                        generator_.hold_adapters(order.request.adapters));
  const int version =
      held_version(&versions_, order.request.held_adapters.get(), order.request.adapters);
  const auto start = clock_.monotonic();
  KITH_ASSIGN_OR_RETURN(const auto drafts, generator_.generate(order.request, nullptr, cancel));
  const GeneratedText& said = drafts.front();
  std::optional<Likelihoods> likelihoods;
  const bool has_both = !said.text.empty() && !order.served.text.empty();
  if (has_both && generator_.capabilities().has_scores && !cancel.stop_requested()) {
    likelihoods.emplace();
    KITH_ASSIGN_OR_RETURN(likelihoods->serving,
                          score_both(generator_, serving, said.text, order.served.text, cancel));
    KITH_ASSIGN_OR_RETURN(likelihoods->shadow, score_both(generator_, order.request, said.text,
                                                          order.served.text, cancel));
  }
  if (cancel.stop_requested()) return Error{ErrorCode::kCancelled, "a request came"};
  const std::chrono::duration<double, std::milli> took = clock_.monotonic() - start;
  const std::string document =
      to_document(order, version, said, to_measures(order, said, likelihoods), took.count());
  KITH_ASSIGN_OR_RETURN(const bool is_kept, gate_.write(*order.visit, order.scope, [&] {
    return decisions_.set_shadow(order.scope, order.decision, document);
  }));
  if (is_kept) return {};
  return Error{ErrorCode::kNotFound, "the decision was not recorded"};
}

}  // namespace kith::personalize
