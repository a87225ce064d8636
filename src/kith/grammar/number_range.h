// Decimal numbers between two bounds, and multiples of a number, as an automaton over their digits.
//
// Of the digits read so far a multiple of m needs to know their remainder alone, and of that only
// what the k digits still to come can change: the remainder of digits * 10^k. Of those there are
// m / gcd(m, 10^k), and no more than 10^k that k digits can make up for.
#pragma once

#include <cstddef>
#include <cstdint>
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

// What numbers are multiples of: units / 10^places. Numbers then have at most `places` digits
// behind the point.
struct Multiple {
  std::uint64_t units = 1;  // [1, kMaxUnits]
  int places = 0;           // [0, kMaxFractionDigits]

  static constexpr std::uint64_t kMaxUnits = 1'000'000'000;

  // Errors: kInvalidArgument if `value` is not above 0, or has more than 9 digits.
  static Result<Multiple> create(const Decimal& value);
};

struct NumberRange {
  std::optional<Bound> low;
  std::optional<Bound> high;
  // Without a point.
  bool is_integer = false;
  std::optional<Multiple> multiple;

  // Remainders to be told apart, over all places of the digits that the range has: what a multiple
  // costs in nodes. Few if the multiple is small, or made of 2, 5 and little else.
  std::size_t num_remainders() const;
};

// Remainders that fit an automaton beside the rest of a schema.
inline constexpr std::size_t kMaxRemainders = 20'000;

// Reads a number of the range, without exponent, leading zeros or "-0"; nothing if there is none.
// REQUIRES: range.num_remainders() <= kMaxRemainders.
void add_number_range(Automaton& automaton, NodeId from, const NumberRange& range, NodeId to);

}  // namespace kith::grammar
