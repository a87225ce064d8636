#include "kith/base/queue_class.h"

#include <cstddef>

namespace kith::base {

std::string_view to_string(QueueClass queue_class) {
  constexpr std::array<std::string_view, 3> kNames = {"normal", "high", "urgent"};
  return kNames[static_cast<std::size_t>(queue_class)];
}

}  // namespace kith::base
