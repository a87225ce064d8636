#include "kith/runtime/load/watch.h"

namespace kith::runtime::load {
namespace {

constexpr std::chrono::milliseconds kPause{100};
// Looks between two samples.
constexpr int kLooksPerSample = 10;

}  // namespace

Watch::Watch(LoadServer& server, Tally& tally, int patience)
    : server_(server),
      tally_(tally),
      patience_(patience),
      thread_([this](const auto& stop) { run(stop); }) {}

std::vector<Sample> Watch::samples() const {
  const std::lock_guard lock(mutex_);
  return samples_;
}

void Watch::run(const std::stop_token& stop) {
  for (int looks = 0; !stop.stop_requested(); ++looks) {
    look();
    if (looks % kLooksPerSample == 0) {
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start_;
      const Sample sample{seconds.count(), read_process_gauge(), server_.generator().stats()};
      const std::lock_guard lock(mutex_);
      samples_.push_back(sample);
    }
    std::this_thread::sleep_for(kPause);
  }
}

void Watch::look() {
  for (const char* path : {"/healthz", "/readyz"}) {
    const auto start = std::chrono::steady_clock::now();
    server::TestClient client(server_.port(), patience_);
    client.send(server::request_text("GET", path));
    const auto reply = client.receive();
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    tally_.time("health", took.count());
    if (reply.status != 200) {
      tally_.fail(std::string(path) + ": " + std::to_string(reply.status) + " " + reply.body);
    }
  }
}

}  // namespace kith::runtime::load
