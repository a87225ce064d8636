// The words that searching compares: segmented, lower-cased, English ones stemmed, Chinese as
// bigrams. An index and its queries must both use this.
//
// Method: text::segment_words, then the Snowball English stemmer (Porter, 2001) on words of ASCII
// letters.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kith::memory {

// The terms of `text` in order, with repetitions. Thread-safe; linear.
std::vector<std::string> to_terms(std::string_view text);

// The terms joined by spaces: what the store indexes.
std::string to_index_terms(std::string_view text);

// The terms that say what `question` is about: without function words ("what", "how long", "什么"),
// each once, in order. Empty if there are none.
std::vector<std::string> to_query_terms(std::string_view question);

}  // namespace kith::memory
