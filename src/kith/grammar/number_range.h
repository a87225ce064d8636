// Decimal numbers between two bounds, as an automaton over their digits.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kith/base/result.h"
#include "kith/grammar/automaton.h"

namespace kith::grammar {

// Digits written at most: before the point (so that integers fit 64 bits) and behind it.
inline constexpr int kMaxIntegerDigits = 18;
inline constexpr int kMaxFractionDigits = 17;

// A bound as its digits, exactly.
struct Decimal {
  bool is_negative = false;
  std::string integer;   // without leading zeros; empty for 0
  std::string fraction;  // without trailing zeros

  // Reads a JSON number.
  // Errors: kInvalidArgument if it needs more than kMaxFractionDigits behind the point or has an
  //   exponent beyond 40.
  static Result<Decimal> parse(std::string_view text);

  bool is_zero() const { return integer.empty() && fraction.empty(); }
};

struct Bound {
  Decimal value;
  bool is_exclusive = false;
};

struct NumberRange {
  std::optional<Bound> low;
  std::optional<Bound> high;
  // Without a point.
  bool is_integer = false;
};

// Reads a number of the range, without exponent, leading zeros or "-0"; nothing if there is none.
void add_number_range(Automaton& automaton, NodeId from, const NumberRange& range, NodeId to);

}  // namespace kith::grammar
