// Time as a dependency: tests pass a ManualClock, `runtime` passes the system's.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "kith/base/result.h"

namespace kith::base {

// Microseconds since 1970-01-01T00:00:00Z. What the database stores and the API prints as ISO 8601.
using UnixMicros = std::int64_t;

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Wall time; may jump.
  virtual UnixMicros now() const = 0;
  // Monotonic time since an arbitrary start, for durations and deadlines.
  virtual std::chrono::nanoseconds monotonic() const = 0;
};

class SystemClock final : public Clock {
 public:
  UnixMicros now() const override;
  std::chrono::nanoseconds monotonic() const override;
};

// A clock that stands still until advanced. Thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(UnixMicros start = 1'750'000'000'000'000) : now_(start) {}
  UnixMicros now() const override { return now_.load(); }
  std::chrono::nanoseconds monotonic() const override {
    return std::chrono::microseconds(now_.load());
  }
  void advance(std::chrono::microseconds step) { now_ += step.count(); }

 private:
  std::atomic<UnixMicros> now_;
};

// The years that ISO 8601 writes with four digits: 0000-01-01 to the last microsecond of 9999.
inline constexpr UnixMicros kFirstMicros = -62'167'219'200'000'000;
inline constexpr UnixMicros kLastMicros = 253'402'300'799'999'999;

// "2026-03-01T09:30:00.000000Z". REQUIRES: at in [kFirstMicros, kLastMicros].
std::string to_iso8601(UnixMicros at);

// Reads "2026-03-01", "2026-03-01T09:30:00", with optional fraction and "Z" or "+hh:mm".
// Errors: kInvalidArgument if the text is none of these or names an impossible date, or one
//   outside of [kFirstMicros, kLastMicros].
Result<UnixMicros> from_iso8601(const std::string& text);

}  // namespace kith::base
