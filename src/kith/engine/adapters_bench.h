// The scenario of `kith bench adapters`: users on different adapters in one batch, with many more
// adapters registered than the batch uses.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "kith/base/result.h"
#include "kith/engine/bench_run.h"
#include "kith/model/decoder.h"

namespace kith::engine {

struct AdaptersBench {
  int users = 8;
  // Distinct adapters among the users, one measurement each; 0 is the base model.
  std::vector<int> adapters{0, 1, 5};
  // Adapters in memory while it is measured, those of the users among them; 0: no more than needed.
  int registered = 0;
  int context_tokens = 128;
  int steps = kBenchSteps;
  int rounds = kBenchRounds;
};

struct AdaptersResult {
  int users = 0;
  int adapters = 0;
  int registered = 0;
  int context_tokens = 0;
  double tokens_per_second = 0.0;
  // Over the first measurement of the list.
  double ratio = 0.0;
};

// The adapters that lie in the sub-directories of `dir`, by name, each in memory of its own; in
// turn once more under other names until there are `count`.
// Errors: kNotFound if there is none; those of model::Adapter::load().
Result<std::vector<std::shared_ptr<const model::Adapter>>> load_bench_adapters(
    const std::filesystem::path& dir, const model::Decoder& decoder, int count);

// Users decode together; user i is on adapter i modulo the number of adapters. The measurements
// take turns. `dir` holds PEFT directories, at least as many as a measurement asks for.
// Errors: kInvalidArgument if it holds fewer, or `registered` is less than what is asked for; those
//   of load_bench_adapters().
Result<std::vector<AdaptersResult>> bench_adapters(model::Decoder& decoder,
                                                   const std::filesystem::path& dir,
                                                   const AdaptersBench& options);

}  // namespace kith::engine
