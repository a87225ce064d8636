// Brings what one marker gives to the scale of another.
#pragma once

#include <span>

namespace kith::eval {

// Linear equating (Angoff 1971): moved and scaled so that over the same works mean and standard
// deviation are the other marker's. An expected score shrinks towards the mean, the more the less
// sure a marker is; this undoes the shrinking and changes no order. Immutable; thread-safe.
class Equating final {
 public:
  // Changes nothing. So does one of fewer than two works, or where a marker gives all the same.
  Equating() = default;

  // REQUIRES: equal sizes.
  Equating(std::span<const double> given, std::span<const double> wanted);

  double operator()(double value) const { return scale_ * value + shift_; }

 private:
  double scale_ = 1.0;
  double shift_ = 0.0;
};

}  // namespace kith::eval
