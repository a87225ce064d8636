#include "kith/grammar/number_range.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <tuple>

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
    if (integer.empty()) integer = "0";
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

// Builds the numbers between two magnitudes. A state knows how many digits were read and whether
// they are so far those of the lower or the upper limit: only then does the limit bind the next
// digit.
class Magnitudes {
 public:
  Magnitudes(Automaton& automaton, std::optional<Limit> low, std::optional<Limit> high,
             bool is_integer, NodeId to)
      : automaton_(automaton),
        low_(std::move(low)),
        high_(std::move(high)),
        is_integer_(is_integer),
        to_(to) {}

  void add(NodeId from) {
    for (int length = 1; length <= kMaxIntegerDigits; ++length) {
      if (low_ && length < low_->digits()) continue;
      if (high_ && length > high_->digits()) break;
      const bool on_low = low_ && length == low_->digits();
      const bool on_high = high_ && length == high_->digits();
      add_digits(from, {0, length, on_low, on_high});
    }
  }

 private:
  struct State {
    int read = 0;
    int length = 0;  // of the integer part
    bool on_low = false;
    bool on_high = false;
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

  // Whether a number may end after `position` digits of the fraction.
  bool may_end(const State& state, int position) const {
    if (state.on_low && (!low_->is_spent(position) || low_->is_exclusive)) return false;
    return !(state.on_high && high_->is_spent(position) && high_->is_exclusive);
  }

  // The node of a state, made once; true if it is new.
  std::pair<NodeId, bool> node_of(bool in_fraction, const State& state) {
    // Without a limit in sight only what is left to be read matters.
    const bool is_free = !state.on_low && !state.on_high;
    const Key key = in_fraction || !is_free
                        ? Key{in_fraction, state.read, in_fraction ? 0 : state.length, state.on_low,
                              state.on_high}
                        : Key{false, -1, state.length - state.read, false, false};
    const auto [found, is_new] = nodes_.try_emplace(key, -1);
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
    if (may_end(state, 0)) automaton_.add_empty(node, to_);
    if (is_integer_) return node;
    const NodeId point = automaton_.add_node(automaton_.node(to_).rule);
    automaton_.add_bytes(node, '.', '.', point);
    add_fraction(point, {0, 0, state.on_low, state.on_high});
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
    if (may_end(state, state.read)) automaton_.add_empty(node, to_);
    if (state.read < kMaxFractionDigits) add_fraction(node, state);
    return node;
  }

  Automaton& automaton_;
  const std::optional<Limit> low_;
  const std::optional<Limit> high_;
  const bool is_integer_;
  const NodeId to_;
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
  if (!high_is_negative) {
    Magnitudes(automaton, low_is_negative ? std::nullopt : to_limit(low), to_limit(high),
               range.is_integer, to)
        .add(from);
  }
  if (low && !low_is_negative) return;
  const NodeId minus = automaton.add_node(automaton.node(from).rule);
  automaton.add_bytes(from, '-', '-', minus);
  // Mirrored: the upper bound limits the magnitude from below. There is no "-0".
  const Bound above_zero{.value = {}, .is_exclusive = true};
  Magnitudes(automaton, Limit(high_is_negative ? *high : above_zero), to_limit(low),
             range.is_integer, to)
      .add(minus);
}

}  // namespace kith::grammar
