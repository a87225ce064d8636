// The weights of a run that did best on validation, kept beside the checkpoint: a run that learns
// its timelines by heart ends with those of before.
#pragma once

#include <torch/torch.h>

#include <filesystem>

#include "kith/base/result.h"
#include "kith/train/parameters.h"

namespace kith::train {

// Not thread-safe. Borrows the parameters. Library exceptions pass through.
class BestWeights {
 public:
  BestWeights(ParameterStore& parameters, std::filesystem::path file)
      : parameters_(parameters), file_(std::move(file)) {}

  // Takes up what an earlier sitting of the run kept, if anything. Errors: kInvalidArgument if it
  // is of other parameters.
  Status resume();
  // Removes what another run kept.
  void forget();
  // Keeps the parameters if `score` is above that of all before. Errors: kUnavailable.
  Status offer(double score);
  // Brings the best back. Whether there are any, and the parameters are others than the last.
  bool restore();

 private:
  ParameterStore& parameters_;
  std::filesystem::path file_;
  torch::Tensor weights_;  // flat, as ParameterStore::master(); undefined until there is one
  double score_ = 0.0;
};

}  // namespace kith::train
