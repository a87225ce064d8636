#include "kith/grammar/number_range.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <numeric>
#include <tuple>
#include <vector>

namespace kith::grammar {
namespace {

constexpr int kMaxExponent = 40;

// A bound of a magnitude, digit by digit.
struct Limit {
  std::string integer;
  std::string fraction;
  bool is_exclusive = false;

  explicit Limit(const Bound& bound)
      : integer(bound.value.integer),
        fraction(bound.value.fraction),
        is_exclusive(bound.is_exclusive) {
    if (integer.empty()) integer.push_back('0');
  }

  int digits() const { return static_cast<int>(integer.size()); }
  char digit(int position) const { return integer[static_cast<std::size_t>(position)]; }
  char fraction_digit(int position) const {
    const auto i = static_cast<std::size_t>(position);
    return i < fraction.size() ? fraction[i] : '0';
  }
  // Nothing but zeros follows behind the first `position` digits of the fraction.
  bool is_spent(int position) const { return position >= static_cast<int>(fraction.size()); }
};

std::uint64_t power_of_ten(int exponent, std::uint64_t modulus) {
  std::uint64_t power = 1 % modulus;
  for (int i = 0; i < exponent; ++i) power = power * 10 % modulus;
  return power;
}

// 10^exponent, or `limit` if that is less.
std::uint64_t bounded_power_of_ten(int exponent, std::uint64_t limit) {
  std::uint64_t power = 1;
  for (int i = 0; i < exponent && power < limit; ++i) power *= 10;
  return std::min(power, limit);
}

// Multiples that are integers, for numbers without a point.
Multiple whole_multiple(const Multiple& multiple) {
  return {.units = multiple.units /
                   std::gcd(multiple.units, power_of_ten(multiple.places, multiple.units)),
          .places = 0};
}

// What a range asks of its numbers, beside the bounds.
struct Form {
  bool is_integer = false;
  // Digits behind the point at most; exactly those that `units` counts in.
  int places = kMaxFractionDigits;
  // 1: any.
  std::uint64_t units = 1;
  // 10^k by `units`, for k digits that are left.
  std::vector<std::uint64_t> powers;

  explicit Form(const NumberRange& range) : is_integer(range.is_integer) {
    if (range.multiple) {
      const Multiple multiple = is_integer ? whole_multiple(*range.multiple) : *range.multiple;
      units = multiple.units;
      places = multiple.places;
      is_integer = is_integer || places == 0;
    }
    for (int left = 0; left <= kMaxIntegerDigits + places; ++left) {
      powers.push_back(power_of_ten(left, units));
    }
  }

  // Digits still to come at most, behind `read` digits of an integer part of `length`.
  int left_in_integer(int read, int length) const {
    return length - read + (is_integer ? 0 : places);
  }
};

// A state that no bound binds: where the digits are, and their remainder as `Magnitudes` counts it.
using FreeKey = std::tuple<bool, int, std::uint64_t>;
using FreeNodes = std::map<FreeKey, NodeId>;

// Builds the numbers between two magnitudes. A state knows how many digits were read and whether
// they are so far those of the lower or the upper limit: only then does the limit bind the next
// digit.
class Magnitudes {
 public:
  // `free_nodes` may be shared by magnitudes of one form that end at one node: what no bound binds
  // goes on alike.
  Magnitudes(Automaton& automaton, std::optional<Limit> low, std::optional<Limit> high,
             const Form& form, FreeNodes& free_nodes, NodeId to)
      : automaton_(automaton),
        low_(std::move(low)),
        high_(std::move(high)),
        form_(form),
        to_(to),
        free_nodes_(free_nodes) {}

  void add(NodeId from) {
    for (int length = 1; length <= kMaxIntegerDigits; ++length) {
      if (low_ && length < low_->digits()) continue;
      if (high_ && length > high_->digits()) break;
      const bool on_low = low_ && length == low_->digits();
      const bool on_high = high_ && length == high_->digits();
      add_digits(from, {0, length, on_low, on_high, 0});
    }
  }

 private:
  struct State {
    int read = 0;
    int length = 0;  // of the integer part
    bool on_low = false;
    bool on_high = false;
    std::uint64_t remainder = 0;  // of the digits read, by form_.units
  };
  using Key = std::tuple<bool, int, int, bool, bool>;

  void add_digits(NodeId from, const State& state) {
    const bool is_first_of_several = state.read == 0 && state.length > 1;
    for (char digit = is_first_of_several ? '1' : '0'; digit <= '9'; ++digit) {
      const auto next = after(state, digit, /*in_fraction=*/false);
      if (!next) continue;
      const auto byte = static_cast<std::uint8_t>(digit);
      automaton_.add_bytes(from, byte, byte, integer_node(*next));
    }
  }

  std::optional<State> after(const State& state, char digit, bool in_fraction) const {
    State next = state;
    ++next.read;
    next.remainder = (state.remainder * 10 + static_cast<std::uint64_t>(digit - '0')) % form_.units;
    if (!can_be_multiple(next, in_fraction)) return std::nullopt;
    if (state.on_low) {
      const char bound = in_fraction ? low_->fraction_digit(state.read) : low_->digit(state.read);
      if (digit < bound) return std::nullopt;
      next.on_low = digit == bound;
    }
    if (state.on_high) {
      const char bound = in_fraction ? high_->fraction_digit(state.read) : high_->digit(state.read);
      if (digit > bound) return std::nullopt;
      next.on_high = digit == bound;
    }
    return next;
  }

  int num_left(const State& state, bool in_fraction) const {
    return in_fraction ? form_.places - state.read
                       : form_.left_in_integer(state.read, state.length);
  }

  // The remainder of the digits read with zeros in all places that are left.
  std::uint64_t shifted_remainder(const State& state, bool in_fraction) const {
    const auto left = static_cast<std::size_t>(num_left(state, in_fraction));
    return state.remainder * form_.powers[left] % form_.units;
  }

  // Whether the digits that are left can make up for the remainder.
  bool can_be_multiple(const State& state, bool in_fraction) const {
    const std::uint64_t shifted = shifted_remainder(state, in_fraction);
    const std::uint64_t missing = shifted == 0 ? 0 : form_.units - shifted;
    return missing < bounded_power_of_ten(num_left(state, in_fraction), form_.units);
  }

  // Whether a number may end after `position` digits of the fraction.
  bool may_end(const State& state, int position, bool in_fraction) const {
    if (shifted_remainder(state, in_fraction) != 0) return false;
    if (state.on_low && (!low_->is_spent(position) || low_->is_exclusive)) return false;
    return !(state.on_high && high_->is_spent(position) && high_->is_exclusive);
  }

  // The node of a state, made once; true if it is new.
  std::pair<NodeId, bool> node_of(bool in_fraction, const State& state) {
    if (!state.on_low && !state.on_high) {
      // Without a limit in sight only what is left to be read matters.
      const int place = in_fraction ? state.read : state.length - state.read;
      return made_once(free_nodes_,
                       FreeKey{in_fraction, place, shifted_remainder(state, in_fraction)});
    }
    // The digits are those of the limit, so their remainder is one.
    return made_once(nodes_, Key{in_fraction, state.read, in_fraction ? 0 : state.length,
                                 state.on_low, state.on_high});
  }

  template <typename Nodes, typename NodeKey>
  std::pair<NodeId, bool> made_once(Nodes& nodes, const NodeKey& key) {
    const auto [found, is_new] = nodes.try_emplace(key, -1);
    if (is_new) found->second = automaton_.add_node(automaton_.node(to_).rule);
    return {found->second, is_new};
  }

  NodeId integer_node(const State& state) {
    const auto [node, is_new] = node_of(false, state);
    if (!is_new) return node;
    if (state.read < state.length) {
      add_digits(node, state);
      return node;
    }
    if (may_end(state, 0, false)) automaton_.add_empty(node, to_);
    if (form_.is_integer) return node;
    const NodeId point = automaton_.add_node(automaton_.node(to_).rule);
    automaton_.add_bytes(node, '.', '.', point);
    add_fraction(point, {0, 0, state.on_low, state.on_high, state.remainder});
    return node;
  }

  void add_fraction(NodeId from, const State& state) {
    for (char digit = '0'; digit <= '9'; ++digit) {
      const auto next = after(state, digit, /*in_fraction=*/true);
      if (!next) continue;
      const auto byte = static_cast<std::uint8_t>(digit);
      automaton_.add_bytes(from, byte, byte, fraction_node(*next));
    }
  }

  NodeId fraction_node(const State& state) {
    const auto [node, is_new] = node_of(true, state);
    if (!is_new) return node;
    if (may_end(state, state.read, true)) automaton_.add_empty(node, to_);
    if (state.read < form_.places) add_fraction(node, state);
    return node;
  }

  Automaton& automaton_;
  const std::optional<Limit> low_;
  const std::optional<Limit> high_;
  const Form form_;
  const NodeId to_;
  FreeNodes& free_nodes_;
  std::map<Key, NodeId> nodes_;
};

std::optional<Limit> to_limit(const std::optional<Bound>& bound) {
  return bound ? std::optional<Limit>(*bound) : std::nullopt;
}

// A bound that no number we write can be on the wrong side of is none.
bool is_beyond_reach(const std::optional<Bound>& bound) {
  return bound && static_cast<int>(bound->value.integer.size()) > kMaxIntegerDigits;
}

}  // namespace

Result<Decimal> Decimal::parse(std::string_view text) {
  Decimal decimal;
  if (text.starts_with('-')) {
    decimal.is_negative = true;
    text.remove_prefix(1);
  }
  const std::size_t mark = std::min(text.find_first_of("eE"), text.size());
  int exponent = 0;
  if (mark < text.size()) {
    std::string_view digits = text.substr(mark + 1);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    if (error != std::errc() || exponent > kMaxExponent || exponent < -kMaxExponent) {
      return Error{ErrorCode::kInvalidArgument, "a bound is too large or too small"};
    }
  }
  const std::string_view mantissa = text.substr(0, mark);
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  std::string digits(mantissa.substr(0, point));
  int places = static_cast<int>(digits.size()) + exponent;
  if (point < mantissa.size()) digits += mantissa.substr(point + 1);
  if (places < 0) digits.insert(0, static_cast<std::size_t>(-places), '0');
  places = std::max(places, 0);
  if (digits.size() < static_cast<std::size_t>(places)) {
    digits.append(static_cast<std::size_t>(places) - digits.size(), '0');
  }
  decimal.integer = digits.substr(0, static_cast<std::size_t>(places));
  decimal.fraction = digits.substr(static_cast<std::size_t>(places));
  decimal.integer.erase(0,
                        std::min(decimal.integer.find_first_not_of('0'), decimal.integer.size()));
  decimal.fraction.erase(decimal.fraction.find_last_not_of('0') + 1);
  if (decimal.fraction.size() > static_cast<std::size_t>(kMaxFractionDigits)) {
    return Error{ErrorCode::kInvalidArgument, "a bound has more than 17 digits behind the point"};
  }
  return decimal;
}

Result<Multiple> Multiple::create(const Decimal& value) {
  constexpr std::size_t kMaxDigits = 9;
  if (value.is_negative || value.is_zero()) {
    return Error{ErrorCode::kInvalidArgument, "multipleOf must be above 0"};
  }
  const std::string digits = value.integer + value.fraction;
  if (digits.size() - std::min(digits.find_first_not_of('0'), digits.size()) > kMaxDigits) {
    return Error{ErrorCode::kInvalidArgument, "multipleOf may have at most 9 digits"};
  }
  return Multiple{.units = std::stoull(digits), .places = static_cast<int>(value.fraction.size())};
}

std::size_t NumberRange::num_remainders() const {
  const Form form(*this);
  std::size_t widest = kMaxIntegerDigits;
  // Between two bounds numbers have no more digits than the longer one.
  if (low && high) {
    widest = std::min(
        widest, std::max({low->value.integer.size(), high->value.integer.size(), std::size_t{1}}));
  }
  const int digits = form.left_in_integer(0, static_cast<int>(widest));
  std::size_t total = 0;
  for (int left = 0; left <= digits; ++left) {
    const std::uint64_t kinds =
        form.units / std::gcd(form.units, form.powers[static_cast<std::size_t>(left)]);
    total += bounded_power_of_ten(left, kinds);
  }
  return total;
}

void add_number_range(Automaton& automaton, NodeId from, const NumberRange& range, NodeId to) {
  std::optional<Bound> low = range.low;
  std::optional<Bound> high = range.high;
  if (is_beyond_reach(low)) {
    if (!low->value.is_negative) return;
    low.reset();
  }
  if (is_beyond_reach(high)) {
    if (high->value.is_negative) return;
    high.reset();
  }
  const bool low_is_negative = low && low->value.is_negative && !low->value.is_zero();
  const bool high_is_negative = high && high->value.is_negative && !high->value.is_zero();
  const Form form(range);
  FreeNodes free_nodes;
  if (!high_is_negative) {
    Magnitudes(automaton, low_is_negative ? std::nullopt : to_limit(low), to_limit(high), form,
               free_nodes, to)
        .add(from);
  }
  if (low && !low_is_negative) return;
  const NodeId minus = automaton.add_node(automaton.node(from).rule);
  automaton.add_bytes(from, '-', '-', minus);
  // Mirrored: the upper bound limits the magnitude from below. There is no "-0".
  const Bound above_zero{.value = {}, .is_exclusive = true};
  Magnitudes(automaton, Limit(high_is_negative ? *high : above_zero), to_limit(low), form,
             free_nodes, to)
      .add(minus);
}

}  // namespace kith::grammar
