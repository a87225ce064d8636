// A finished user encoder, as a bridge's training reads it: events in, a memory out.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "kith/base/result.h"
#include "kith/train/perceiver.h"
#include "kith/train/timeline_data.h"
#include "kith/train/timeline_model.h"

namespace kith::train {

// Events that a memory is made of: the last ones of a user before a moment.
struct History {
  std::int64_t user = 0;
  // Of the user's timeline, those before the moment; at least one.
  std::int64_t events = 0;
};

// Not thread-safe. Library exceptions pass through.
class UserEncoder {
 public:
  // Reads what `train timeline` wrote.
  // Errors: those of the files; kInvalidArgument if the encoder was made for other features than
  //   `data` has.
  static Result<std::unique_ptr<UserEncoder>> load(const std::filesystem::path& directory,
                                                   const TimelineData& data, torch::Device device,
                                                   torch::Dtype dtype);

  std::int64_t width() const { return perceiver_->width(); }
  std::int64_t num_latents() const { return perceiver_->shape().num_latents; }
  std::int64_t window() const { return window_; }
  std::vector<ParameterStore*> stores() {
    return {&model_.decoder().parameters(), &perceiver_->parameters()};
  }
  void set_requires_grad(bool value);

  // The memories of some users, from the last window() events before each moment.
  //   returns: [histories, num_latents, width] float
  torch::Tensor memories(const TimelineData& data, const std::vector<History>& histories) const;

  // Writes it as `train timeline` does, but for features.json. Errors: kUnavailable.
  Status save(const std::filesystem::path& directory) const;

 private:
  UserEncoder(TimelineModel model, std::unique_ptr<Perceiver> perceiver, std::int64_t window)
      : model_(std::move(model)), perceiver_(std::move(perceiver)), window_(window) {}

  TimelineModel model_;
  std::unique_ptr<Perceiver> perceiver_;
  std::int64_t window_;
};

}  // namespace kith::train
