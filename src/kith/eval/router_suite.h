// The evaluation of the prompt classifier on public data.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "kith/base/result.h"
#include "kith/eval/figures.h"
#include "kith/eval/suites.h"
#include "kith/persona/text_classifier.h"
#include "kith/persona/text_encoder.h"

namespace kith::eval {

struct RouterOptions {
  // Laid out as load_router_sets() says.
  std::filesystem::path data;
  std::optional<std::filesystem::path> test;
  persona::TrainOptions training;
  // Draws the held-out tickets.
  std::uint64_t seed = 7;
};

// Trains a classifier on each set and reports on texts it has not seen, beside the linear floor
// (linear_floor.h) on the same texts:
//   tickets_macro_f1, tickets_accuracy, clinc_accuracy, clinc_oos_auroc, hwu_accuracy (baseline
//   liblinear); ece (mean of the sets' expected calibration errors; baseline uncalibrated: at
//   temperature 1); latency_p50_us, latency_p99_us (of one prompt on one thread, over the texts of
//   all sets).
// Errors: those of the data, of training, and of the encoder.
Result<Report> evaluate_router(const RouterOptions& options,
                               std::shared_ptr<const persona::TextEncoder> encoder,
                               const Progress& progress = {});

}  // namespace kith::eval
