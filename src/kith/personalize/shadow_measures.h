// What can be counted of a draft, so that a version in shadow can be compared with the one that
// serves on the same prompt (persona/shadow_trial.h judges many of them).
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "kith/personalize/chat.h"
#include "kith/personalize/grounding.h"

namespace kith::personalize {

// What the drafts of one request are measured by.
struct Yardstick {
  Sources sources;  // passages and conversation
  bool has_passages = false;
  StyleWish style;
  // The language wanted (BCP 47 primary tag); empty: not checked.
  std::string language;
};

// By name:
//   grounding       share of the content words that the sources hold; with passages alone
//   unknown_facts   numbers, codes and names that they do not hold; with passages alone
//   layout          1 if the lines have the marks that the card's format asks for (numbers, dashes,
//                   or none), else 0; absent if it does not speak of them
//   language        1 if it is the one wanted, else 0; absent if that, or the text's, is unclear
//   repetition      share of 4-grams of words that repeat an earlier one
//   cut             1 if the answer was ended by its limit, else 0
//   words           words, or characters for Chinese
std::map<std::string, double> measure_draft(std::string_view text, std::string_view finish_reason,
                                            const Yardstick& yardstick);

// Content words that both have, as a share of those that either has (Jaccard), in [0, 1]; 1 if
// neither has any.
double words_in_common(std::string_view first, std::string_view second);

}  // namespace kith::personalize
