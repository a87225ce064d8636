#include "kith/runtime/overhead_bench.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <future>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "kith/base/json.h"
#include "kith/base/new_directory.h"
#include "kith/base/rng.h"
#include "kith/personalize/feedback.h"
#include "kith/personalize/pipeline.h"
#include "kith/runtime/application.h"
#include "kith/runtime/bench_installation.h"
#include "kith/server/application.h"
#include "kith/server/metrics.h"

namespace kith::runtime {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// Requests before the first that counts.
constexpr int kWarmUp = 20;
constexpr std::size_t kMaxDocuments = 100'000;
constexpr std::array kQuestions{
    "The VPN client says TG-509 although my clock is right. What should I check?",
    "How many days can a visitor use the guest wifi?",
    "I need more storage in my mailbox, who approves that?",
    "My tablet does not sync orders when I am in the yard.",
    "What is the difference between a shared mailbox and a distribution list?",
    "Please tell me how to book the video room in Rotterdam for Thursday.",
    "I forgot my Keyring password and I am at home.",
    "Thanks, that worked."};

double ms_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

Percentiles percentiles(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto at = [&values](double share) {
    const double rank = std::ceil(share * static_cast<double>(values.size()));
    return values[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
  };
  return {at(0.5), at(0.99), values.back()};
}

// The generator, with the time at which it is asked and what it takes until the engine's first
// step.
class TimedGenerator final : public personalize::Generator {
 public:
  explicit TimedGenerator(personalize::Generator& inner) : inner_(inner) {}

  personalize::GeneratorCapabilities capabilities() const override { return inner_.capabilities(); }
  bool ready() const override { return inner_.ready(); }
  std::vector<AdapterId> adapter_names() const override { return inner_.adapter_names(); }
  Result<std::shared_ptr<const personalize::HeldAdapters>> hold_adapters(
      std::span<const personalize::AdapterShare> shares) const override {
    return inner_.hold_adapters(shares);
  }
  std::size_t count_tokens(std::string_view text) const override {
    return inner_.count_tokens(text);
  }
  Result<std::vector<double>> score(const personalize::ScoreRequest& request) override {
    return inner_.score(request);
  }
  Result<std::vector<personalize::GeneratedText>> generate(
      const personalize::GenerationRequest& request, personalize::DeltaSink* sink,
      const personalize::CancelToken& cancel) override {
    asked_ = Clock::now();
    auto texts = inner_.generate(request, sink, cancel);
    if (texts && !texts->empty()) {
      timings_ = texts->front().timings;
    }
    return texts;
  }

  // Of the last request.
  Clock::time_point asked() const { return asked_; }
  const personalize::GenerationTimings& timings() const { return timings_; }

 private:
  personalize::Generator& inner_;
  Clock::time_point asked_;
  personalize::GenerationTimings timings_;
};

// Keeps the times of the pipeline's steps.
class StepTimes final : public personalize::PipelineMetrics {
 public:
  void on_request(std::string_view) override {}
  void on_step(std::string_view step, double ms) override {
    const std::lock_guard lock(mutex_);
    times_[std::string(step)].push_back(ms);
  }
  void on_degraded(std::string_view, std::string_view) override {
    const std::lock_guard lock(mutex_);
    ++num_degraded_;
  }
  void on_answer(std::string_view, std::string_view, const personalize::AnswerTokens&) override {}

  void clear() {
    const std::lock_guard lock(mutex_);
    times_.clear();
    num_degraded_ = 0;
  }
  void report(OverheadResult& result) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [step, times] : times_) result.steps_ms[step] = percentiles(times);
    result.num_degraded = num_degraded_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<double>> times_;  // guarded by mutex_
  int num_degraded_ = 0;                              // guarded by mutex_
};

// Waits for one whole answer.
class AnswerWaiter final : public server::ResponseWriter {
 public:
  void send(server::HttpResponse response) override { answer_.set_value(std::move(response)); }
  void start_stream(server::HttpResponse) override {}
  void offer_stream(server::HttpResponse) override {}
  bool write(std::string_view) override { return true; }
  void finish() override {}
  std::stop_token cancel_token() const override { return {}; }

  server::HttpResponse wait() { return answer_.get_future().get(); }

 private:
  std::promise<server::HttpResponse> answer_;
};

server::HttpRequest make_request(int number, const UserId& user) {
  server::HttpRequest request;
  request.method = "POST";
  server::parse_target("/v1/chat/completions", request);
  request.headers = {
      {"host", "localhost"}, {"content-type", "application/json"}, {"x-kith-user", user.str()}};
  request.peer = "127.0.0.1";
  request.is_peer_loopback = true;
  request.id = "bench-" + std::to_string(number);
  const auto question = kQuestions[static_cast<std::size_t>(number) % kQuestions.size()];
  request.body =
      base::dump_json(base::Json{{"model", "kith"},
                                 {"max_tokens", 2},
                                 {"messages", {{{"role", "user"}, {"content", question}}}}});
  return request;
}

// A copy of the installation, because requests write to it.
Result<base::NewDirectory> copy_installation(const fs::path& from, const fs::path& cache) {
  KITH_ASSIGN_OR_RETURN(auto copy, base::NewDirectory::create(cache / "overhead-run"));
  std::error_code error;
  fs::copy(from, copy.path(), fs::copy_options::recursive | fs::copy_options::overwrite_existing,
           error);
  if (error) return Error{ErrorCode::kUnavailable, "cannot copy " + from.string()};
  return copy;
}

// An application around the timed generator.
struct Bench {
  std::unique_ptr<Installation> installation;
  std::unique_ptr<personalize::Generator> generator;
  std::unique_ptr<TimedGenerator> timed;
  StepTimes steps;
  server::Metrics metrics;
  std::unique_ptr<personalize::FeedbackRecorder> feedback;
  std::unique_ptr<personalize::Pipeline> pipeline;
  std::unique_ptr<server::Application> application;
};

Status set_up(const Config& config, Bench& bench) {
  KITH_ASSIGN_OR_RETURN(bench.installation, Installation::open(config));
  Installation& home = *bench.installation;
  KITH_ASSIGN_OR_RETURN(bench.generator, make_generator(config, home.clock()));
  bench.timed = std::make_unique<TimedGenerator>(*bench.generator);
  bench.feedback = std::make_unique<personalize::FeedbackRecorder>(home.stores(), home.clock());
  KITH_ASSIGN_OR_RETURN(
      bench.pipeline,
      personalize::Pipeline::create({*bench.timed, home.stores(), bench.steps, home.clock()},
                                    home.assigner(), pipeline_options(config), home.router()));
  const server::Services services{.pipeline = *bench.pipeline,
                                  .generator = *bench.timed,
                                  .feedback = *bench.feedback,
                                  .knowledge = home.knowledge(),
                                  .stores = home.stores(),
                                  .assigner = home.assigner(),
                                  .metrics = bench.metrics,
                                  .clock = home.clock()};
  KITH_ASSIGN_OR_RETURN(bench.application, server::Application::create({}, true, services));
  return {};
}

Result<std::vector<DocumentId>> list_documents(storage::StoreSet& stores) {
  KITH_ASSIGN_OR_RETURN(const auto rows,
                        stores.knowledge().list(default_tenant(), {}, kMaxDocuments));
  std::vector<DocumentId> ids;
  for (const auto& row : rows) ids.push_back(row.id);
  return ids;
}

Status remove_documents(storage::StoreSet& stores) {
  KITH_ASSIGN_OR_RETURN(const auto documents, list_documents(stores));
  for (const DocumentId& id : documents) {
    const auto removed = stores.knowledge().erase(default_tenant(), id);
    if (!removed) return Error(removed.error());
  }
  return {};
}

// The times of one kind, a value a request.
struct Times {
  std::vector<double> overhead;
  std::vector<double> before;
  std::vector<double> encode;
  std::vector<double> queue;
  std::vector<double> whole;
};

Result<Times> send_requests(Bench& bench, const OverheadBench& options) {
  base::Rng rng(11);
  Times times;
  for (int i = -kWarmUp; i < options.num_requests; ++i) {
    if (i == 0) bench.steps.clear();
    const auto user = rng.below(static_cast<std::uint64_t>(options.num_users));
    server::HttpRequest request = make_request(i + kWarmUp, bench_user(static_cast<int>(user)));
    const auto waiter = std::make_shared<AnswerWaiter>();
    const auto start = Clock::now();
    bench.application->dispatch(std::move(request), waiter);
    const server::HttpResponse answer = waiter->wait();
    if (answer.status != 200) {
      return Error{ErrorCode::kUnavailable,
                   "a chat request was answered " + std::to_string(answer.status)};
    }
    if (i < 0) continue;
    times.whole.push_back(ms_between(start, Clock::now()));
    times.before.push_back(ms_between(start, bench.timed->asked()));
    const auto& timings = bench.timed->timings();
    times.encode.push_back(timings.encode_ms);
    times.queue.push_back(timings.queue_ms);
    times.overhead.push_back(times.before.back() + timings.encode_ms + timings.queue_ms);
  }
  return times;
}

}  // namespace

Result<std::vector<OverheadResult>> bench_overhead(const Config& config,
                                                   const OverheadBench& options) {
  KITH_ASSIGN_OR_RETURN(const fs::path made, cached_installation(options.num_users, options.cache));
  std::vector<OverheadResult> results;
  for (const bool has_documents : {false, true}) {
    KITH_ASSIGN_OR_RETURN(const auto copy, copy_installation(made, options.cache));
    Config own = config;
    own.data.dir = copy.path().string();
    Bench bench;
    KITH_RETURN_IF_ERROR(set_up(own, bench));
    storage::StoreSet& stores = bench.installation->stores();
    if (!has_documents) KITH_RETURN_IF_ERROR(remove_documents(stores));
    KITH_ASSIGN_OR_RETURN(const auto documents, list_documents(stores));
    KITH_ASSIGN_OR_RETURN(Times times, send_requests(bench, options));
    OverheadResult result{.num_users = options.num_users,
                          .num_documents = static_cast<int>(documents.size()),
                          .num_requests = options.num_requests};
    result.overhead_ms = percentiles(std::move(times.overhead));
    result.before_generator_ms = percentiles(std::move(times.before));
    result.encode_ms = percentiles(std::move(times.encode));
    result.queue_ms = percentiles(std::move(times.queue));
    result.answer_ms = percentiles(std::move(times.whole));
    bench.steps.report(result);
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace kith::runtime
