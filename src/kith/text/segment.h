// Cuts text into words for indexing and into sentences for quoting.
//
// Words are what a full-text index and its queries are made of: both sides must use this function.
// Languages written without spaces are indexed by overlapping pairs of characters, which needs no
// dictionary and finds every word of two characters or more.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "kith/text/regex.h"

namespace kith::text {

// The words of `text` in order, after NFKC and in lower case: runs of letters and digits; an
// apostrophe inside a word is dropped and a final 's cut off ("don't" -> "dont", "user's" ->
// "user"). A run of Han or kana gives its bigrams, a single such character itself. Everything else
// separates. Ill-formed UTF-8 separates. Linear in the text.
std::vector<std::string> segment_words(std::string_view text);

// The words joined by spaces: what to store in an index column.
std::string to_index_text(std::string_view text);

// The sentences of `text` as byte ranges, in order, not empty, without surrounding white space.
// Ends are . ! ? before white space (not after an abbreviation, an initial or inside a number),
// their Chinese and Japanese counterparts, blank lines, and line ends around headings and list
// items.
std::vector<Span> split_sentences(std::string_view text);

}  // namespace kith::text
