// Where a forward pass spends its time, for measurements.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kith/tensor/team.h"

namespace kith::model {

// Stages of a pass; those of a layer are summed over all layers.
enum class Stage : std::uint8_t {
  kEmbed,
  kNorm,
  kQkv,
  kPlace,
  kAttention,
  kOut,
  kMemory,
  kGateUp,
  kSwiglu,
  kDown,
  kAdapters,
  kHead,
};
inline constexpr std::array<std::string_view, 12> kStageNames{"embedding rows",
                                                              "norms",
                                                              "query, key, value",
                                                              "rotation and cache",
                                                              "attention",
                                                              "attention's output",
                                                              "memories",
                                                              "gate and up",
                                                              "SwiGLU",
                                                              "down",
                                                              "adapters",
                                                              "head"};

// Seconds by stage, as the team's first member sees them: its own work, and its waiting for the
// others at the end of a stage.
struct StageTimes {
  std::array<double, kStageNames.size()> seconds{};
};

// Adds the time between its stamps to `times`. Costs a comparison where nobody asks for it.
class StageClock {
 public:
  // From the next pass on; null to stop. The times must outlive the passes.
  void measure_into(StageTimes* times) { times_ = times; }
  void start() {
    if (times_ != nullptr) last_ = std::chrono::steady_clock::now();
  }
  // The time since the stamp before belongs to `stage`. Called by the whole team.
  void stamp(Stage stage) {
    if (times_ == nullptr || tensor::team_rank() != 0) return;
    const auto now = std::chrono::steady_clock::now();
    times_->seconds[static_cast<std::size_t>(stage)] +=
        std::chrono::duration<double>(now - last_).count();
    last_ = now;
  }

 private:
  StageTimes* times_ = nullptr;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace kith::model
