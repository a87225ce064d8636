// How a message is written, whatever it is about: case, punctuation, length.
//
// Such habits tell writers apart across topics (stylometry: Mosteller and Wallace 1964; for short
// messages: Brocardo et al. 2013), and need no vocabulary.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace kith::persona {

inline constexpr std::size_t kStyleFeatures = 9;

// Begins with a capital; ends with a mark; asks; exclaims (each 0 or 1); log(1 + words);
// log(1 + words a sentence); share of digits among the characters; commas a word; characters a
// word. Words of Han text are its characters. Zeros for a text without words.
std::array<float, kStyleFeatures> measure_style(std::string_view message);

}  // namespace kith::persona
