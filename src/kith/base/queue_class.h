// How soon a request is served: the class of its place in a queue.
//
// A class is a head start. A request is treated as if it had arrived so much earlier, and the
// earliest is served first, so waiting counts for every class alike and none can starve
// (class_queue.h, docs/adr/0022-priorities-act.md).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace kith::base {

enum class QueueClass : std::uint8_t { kNormal, kHigh, kUrgent };

inline constexpr std::array<QueueClass, 3> kQueueClasses = {QueueClass::kNormal, QueueClass::kHigh,
                                                            QueueClass::kUrgent};

// "normal", "high", "urgent".
std::string_view to_string(QueueClass queue_class);

// Of each class against normal. 0 <= high <= urgent.
struct HeadStarts {
  std::chrono::nanoseconds high = std::chrono::seconds{5};
  std::chrono::nanoseconds urgent = std::chrono::seconds{20};

  std::chrono::nanoseconds of(QueueClass queue_class) const {
    if (queue_class == QueueClass::kUrgent) return urgent;
    return queue_class == QueueClass::kHigh ? high : std::chrono::nanoseconds{0};
  }
};

}  // namespace kith::base
