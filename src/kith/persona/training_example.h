// A text as the trainers of networks and linear maps read it.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "kith/persona/feature_table.h"

namespace kith::persona {

struct TrainingExample {
  std::vector<WeighedRow> rows;
  // kOutOfScope: none.
  std::size_t label = 0;
  // [outputs]: the vector to give; empty: the label counts. Borrowed.
  std::span<const float> target;
};

inline constexpr std::size_t kOutOfScope = static_cast<std::size_t>(-1);

}  // namespace kith::persona
