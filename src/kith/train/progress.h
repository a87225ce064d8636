// What a person and a program see of a run: a bar on a terminal, a line every ten seconds
// elsewhere, and a JSONL log.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/train/trainer.h"

namespace kith::train {

// One finished step.
struct StepReport {
  std::int64_t step = 0;
  std::int64_t tokens = 0;
  double loss = 0.0;
  double learning_rate = 0.0;
  double gradient_norm = 0.0;
  double tokens_per_second = 0.0;
  // Share of the budget spent, and the run's seconds so far, earlier sittings included.
  double progress = 0.0;
  double elapsed_seconds = 0.0;
};

// Not thread-safe.
class ProgressReporter {
 public:
  // Appends to `log_path`. Errors: kUnavailable.
  static Result<ProgressReporter> open(const std::filesystem::path& log_path, bool quiet);

  void say(const std::string& message);
  void step(const StepReport& report, double now_seconds);
  void validation(std::int64_t step, const std::vector<ValidationFigure>& figures);
  void preferences(std::int64_t step, const std::vector<PreferenceFigure>& figures);
  void ranks(std::int64_t step, const std::vector<RankFigure>& figures);
  void answers(std::int64_t step, const std::vector<AnswerFigure>& figures);
  // Ends the bar's line.
  void finish();

 private:
  ProgressReporter(std::ofstream log, bool quiet, bool terminal)
      : log_(std::move(log)), quiet_(quiet), terminal_(terminal) {}
  void show(const StepReport& report) const;

  std::ofstream log_;
  bool quiet_;
  bool terminal_;
  double last_shown_ = -1e9;
};

// "1:02:03", or "2:03" below an hour.
std::string format_duration(double seconds);

}  // namespace kith::train
