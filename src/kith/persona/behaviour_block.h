// What users did, as a view: the vectors of a user encoder (kith/timeline), along the axes in which
// users differ most. All vectors are of one version of the encoder.
#pragma once

#include "kith/persona/gaussian_view.h"
#include "kith/persona/user_block.h"

namespace kith::persona {

struct BehaviourBlockOptions {
  // Axes that are kept. >= 1.
  std::size_t axes = 8;
  // Of the view, in (0, 1].
  double weight = 1.0;
};

class BehaviourBlock final : public UserBlock {
 public:
  explicit BehaviourBlock(const BehaviourBlockOptions& options) : options_(options) {}

  // A user without a vector is not known to the view.
  // Errors: kInvalidArgument for a vector of another size than the others'.
  Status add(const DiscoveryUser& user) override;
  MixtureViews finish(const std::vector<std::size_t>& teachers) override;

 private:
  void center(const std::vector<std::size_t>& teachers);

  BehaviourBlockOptions options_;
  // The size is that of the first vector that came.
  UserVectors vectors_;
};

}  // namespace kith::persona
