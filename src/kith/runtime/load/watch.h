// Looks at the server and the process while the load runs: health must stay green, and memory is
// written down. For tests.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kith/runtime/load/load_server.h"
#include "kith/runtime/load/process_gauge.h"
#include "kith/runtime/load/tally.h"
#include "kith/server/test_server.h"

namespace kith::runtime::load {

struct Sample {
  double seconds = 0.0;  // since the beginning
  ProcessGauge process;
  engine::EngineStats engine;
};

// Watches from construction to destruction.
class Watch {
 public:
  Watch(LoadServer& server, Tally& tally, int patience);

  std::vector<Sample> samples() const;

 private:
  void run(const std::stop_token& stop);
  void look();

  LoadServer& server_;
  Tally& tally_;
  const int patience_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  mutable std::mutex mutex_;
  std::vector<Sample> samples_;  // guarded by mutex_
  std::jthread thread_;
};

}  // namespace kith::runtime::load
