// Regular expressions of the `pattern` keyword, and of formats, as automata of JSON strings.
//
// The subset: literals, `.`, classes with ranges and negation, \d \w \s and their opposites, \t \n
// \r \f \v, \xHH, \uHHHH, escaped punctuation, groups ( ) and (?: ), |, and * + ? {n} {n,} {n,m},
// also lazy. `^` and `$` may stand at the ends of the whole pattern or of its alternatives; as JSON
// Schema asks, what is not anchored may stand anywhere. Assertions, back references, named groups,
// \b and \p are refused by name. \d, \w and \s mean ASCII, their opposites exclude the Unicode ones
// too, so that what is written matches whichever way a validator reads them.
#pragma once

#include <string_view>

#include "kith/base/result.h"
#include "kith/grammar/automaton.h"
#include "kith/grammar/json_rules.h"

namespace kith::grammar {

// Longest pattern, in bytes.
inline constexpr std::size_t kMaxPatternBytes = 4096;

struct StringLength {
  int min = 0;  // code points
  int max = kNoLimit;
};

// Adds a rule of the strings that match and have the length; both at once, never one of them alone.
// Errors: kInvalidArgument naming what is not supported, or its place.
Result<RuleId> add_pattern_string(Automaton& automaton, JsonRules& rules, std::string_view pattern,
                                  const StringLength& length);

}  // namespace kith::grammar
