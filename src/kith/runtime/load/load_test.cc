// The whole server under random load: many people at once, with cancellations, adapters that are
// replaced, users who are erased, and more requests than it takes. Every answer is whole or a
// documented error, known questions get the answers that they get alone, and afterwards nothing is
// left: no sequence, no block, no adapter's version, no descriptor, no memory.
//
// How long, how many and from which seed: options.h.
#include <gtest/gtest.h>

#include <iostream>

#include "kith/base/file.h"
#include "kith/runtime/load/load_client.h"
#include "kith/runtime/load/load_server.h"
#include "kith/runtime/load/probes.h"
#include "kith/runtime/load/report.h"
#include "kith/runtime/load/watch.h"

namespace kith::runtime::load {
namespace {

// What may be added between the end of the warm-up and the end of the run.
constexpr double kMoreAllocatedMb = 8.0;
constexpr double kMoreResidentMb = 32.0;

class LoadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto options = read_load_options();
    ASSERT_TRUE(options) << options.error().message;
    options_ = *options;
    auto server = LoadServer::start(options_);
    ASSERT_TRUE(server) << server.error().message;
    server_ = *std::move(server);
    probes_ = std::make_unique<Probes>(*server_, tally_, options_.patience);
    import_documents();
    const Status learned = probes_->learn();
    ASSERT_TRUE(learned) << learned.error().message << report_failures();
  }

  void import_documents() {
    base::Rng rng(options_.seed);
    for (int i = 0; i < 60; ++i) {
      const Request request = random_import(rng);
      const auto reply = server::call(server_->port(), request.method, request.target,
                                      request.headers, request.body);
      ASSERT_EQ(reply.status, 200) << reply.body;
    }
  }

  // All clients, one who replaces the adapter that they use, and one who unloads a persona's.
  void run_load(double seconds) {
    std::vector<std::unique_ptr<LoadClient>> clients;
    std::vector<std::jthread> threads;
    for (int i = 0; i < options_.clients; ++i) {
      LoadOptions own = options_;
      own.seed += num_phases_ << 32U;
      clients.push_back(std::make_unique<LoadClient>(*server_, *probes_, tally_, own, i));
      threads.emplace_back(
          [client = clients.back().get()](const auto& stop) { client->run(stop); });
    }
    threads.emplace_back([this](const std::stop_token& stop) {
      base::Rng rng(options_.seed);
      while (!stop.stop_requested()) {
        probes_->swap(rng);
        std::this_thread::sleep_for(std::chrono::milliseconds(rng.below(60)));
      }
    });
    threads.emplace_back([this](const std::stop_token& stop) {
      base::Rng rng(options_.seed + 1);
      while (!stop.stop_requested()) {
        probes_->miss(rng);
        std::this_thread::sleep_for(std::chrono::milliseconds(rng.below(200)));
      }
    });
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    for (auto& thread : threads) thread.request_stop();
    ++num_phases_;
  }

  // Waits until nothing is at work, and says what is held then.
  ProcessGauge settle() {
    const auto is_idle = [this] {
      const auto stats = server_->generator().stats();
      return stats.running == 0 && stats.waiting == 0 && stats.kv_blocks_used == 0 &&
             metric("kith_jobs{lane=\"generation\"}") == 0.0 &&
             metric("kith_http_connections") <= 1.0;
    };
    EXPECT_TRUE(server::eventually(is_idle)) << "something is still at work: " << metrics();
    const auto stats = server_->generator().stats();
    EXPECT_EQ(stats.memory_bytes, 0U);
    EXPECT_LE(stats.kv_blocks_kept, stats.kv_blocks);
    return read_trimmed_gauge();
  }

  std::string metrics() { return server::call(server_->port(), "GET", "/metrics").body; }

  double metric(const std::string& name) {
    const std::string text = metrics();
    const std::size_t at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1.0 : std::stod(text.substr(at + name.size() + 2));
  }

  // Nobody but the registry holds an adapter.
  void expect_no_adapter_held() {
    EXPECT_EQ(probes_->num_held_versions(), 0U) << "replaced adapters are still in memory";
    auto& adapters = server_->generator().adapters();
    for (const engine::AdapterInfo& info : adapters.list()) {
      if (!info.is_resident) continue;
      const auto adapter = adapters.find(info.id);
      ASSERT_TRUE(adapter);
      EXPECT_LE(adapter->use_count(), 2) << info.id.str();
    }
  }

  std::string report_failures() {
    std::string text;
    for (const std::string& failure : tally_.failures()) text += "\n- " + failure;
    return text;
  }

  void TearDown() override {
    if (HasFailure()) std::cerr << "to run it again: " << options_.command() << std::endl;
  }

  LoadOptions options_;
  Tally tally_;
  std::unique_ptr<LoadServer> server_;
  std::unique_ptr<Probes> probes_;
  std::uint64_t num_phases_ = 0;
};

TEST_F(LoadTest, ManyPeopleAtOnceGetWhatTheyAskForAndLeaveNothingBehind) {
  Findings findings;
  std::vector<Sample> samples;
  {
    const Watch watch(*server_, tally_, options_.patience);
    run_load(options_.seconds / 3.0);
    findings.after_warm_up = settle();
    run_load(options_.seconds * 2.0 / 3.0);
    samples = watch.samples();
  }
  findings.at_end = settle();
  findings.num_swaps = probes_->num_swaps();
  const std::string report = to_json(options_, tally_, findings, samples);
  std::cout << report;
  if (!options_.report.empty()) {
    EXPECT_TRUE(base::write_file_atomically(options_.report, report));
  }

  EXPECT_EQ(tally_.num_failures(), 0U) << report_failures();
  expect_no_adapter_held();
  // The last connection takes a moment to go.
  EXPECT_TRUE(server::eventually([&findings] {
    const ProcessGauge now = read_process_gauge();
    return now.descriptors <= findings.after_warm_up.descriptors &&
           now.threads <= findings.after_warm_up.threads;
  })) << "descriptors or threads are left: "
      << read_process_gauge().descriptors << ", " << read_process_gauge().threads;
  if (!has_sanitizer()) {
    EXPECT_LE(findings.at_end.allocated_mb, findings.after_warm_up.allocated_mb + kMoreAllocatedMb);
    EXPECT_LE(findings.at_end.resident_mb, findings.after_warm_up.resident_mb + kMoreResidentMb);
  }
  // A load that met no full queue, no leaving client and no replaced adapter would prove little.
  EXPECT_GT(tally_.total("answers"), 0U);
  EXPECT_GT(tally_.total("status 429"), 0U);
  EXPECT_GT(tally_.total("left"), 0U);
  EXPECT_GT(findings.num_swaps, 0U);
  EXPECT_GT(tally_.total(Probes::kAnswersWithout), 0U);
}

// An operator stops the server while it answers: whoever was let in gets a whole answer.
TEST_F(LoadTest, AStopUnderLoadLosesNobody) {
  const RequestFacts facts = server_->facts();
  base::Rng rng(options_.seed);
  std::vector<Request> requests;
  std::vector<std::unique_ptr<server::TestClient>> clients;
  for (int i = 0; i < LoadServer::kWorkers; ++i) {
    requests.push_back(random_chat(rng, facts));
    const Request& request = requests.back();
    clients.push_back(std::make_unique<server::TestClient>(server_->port(), options_.patience));
    clients.back()->send(
        server::request_text(request.method, request.target, request.headers, request.body));
  }
  ASSERT_TRUE(server::eventually([this] { return server_->generator().stats().running > 0; }));
  std::jthread stopper([this] {
    const Status stopped = server_->stop();
    EXPECT_TRUE(stopped) << stopped.error().message;
  });
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const auto reply = clients[i]->receive();
    Choices choices;
    if (reply.status == 503 || reply.status == 0) continue;  // it came too late to be let in
    auto complaint = read_choices(reply, requests[i].is_stream, choices);
    if (!complaint) complaint = check_choices(choices, *requests[i].expected);
    EXPECT_FALSE(complaint) << *complaint << "\n" << requests[i].body;
  }
}

}  // namespace
}  // namespace kith::runtime::load
