// How users write, as a view: the mean style of their messages (writing_style.h), compared with
// others who write the same language.
#pragma once

#include "kith/persona/gaussian_view.h"
#include "kith/persona/user_block.h"

namespace kith::persona {

class StyleBlock final : public UserBlock {
 public:
  StyleBlock(std::size_t floor, double weight) : floor_(floor), weight_(weight) {}

  Status add(const DiscoveryUser& user) override;
  MixtureViews finish(const std::vector<std::size_t>& teachers) override;

 private:
  std::size_t floor_;
  double weight_;
  UserVectors vectors_;
  std::vector<std::string> languages_;
};

}  // namespace kith::persona
