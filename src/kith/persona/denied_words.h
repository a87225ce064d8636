// What a user writes about health, religion, politics, sexuality, trade union membership or
// ethnicity (Article 9 GDPR) says nothing to Kith about who the user is: a sentence that holds such
// a word is neither learned from nor weighed, because the words around it tell the same.
//
// A list knows the words that are on it. It is written to err on the side of silence ("union" is
// one, also in SQL), and holds English and Chinese words.
#pragma once

#include <string>
#include <string_view>

namespace kith::persona {

// Whether `text` holds a word of the list. Linear in the text.
bool holds_denied_word(std::string_view text);

// The sentences of `text` without a word of the list, each on a line of its own. Empty if none is
// left; `text` itself if none is left out.
std::string without_denied_sentences(std::string_view text);

}  // namespace kith::persona
