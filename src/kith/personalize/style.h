// The style asked for and the style delivered.
#pragma once

#include <string>
#include <string_view>

#include "kith/persona/catalogue.h"
#include "kith/personalize/chat.h"

namespace kith::personalize {

// What a persona's card asks for, where the request's own wish does not say otherwise. `persona`
// may be null.
StyleWish merge_style(const persona::Persona* persona, const StyleWish& asked);

// The wish as the one line of the prompt (docs/formats/prompt.md):
//   Persona: Leadership. Tone: crisp and formal. Length: short. Format: two to four sentences.
// with what is not asked for left out; empty for an empty wish. A language is named only if it is
// not the user's own.
std::string render_style(const StyleWish& wish);

// By counting; see text/language.h and text/readability.h. The reading level is for English only.
MeasuredStyle measure_style(std::string_view text);

// How an extractive answer is laid out.
enum class Layout : std::uint8_t { kSentences, kNumbered, kDashes };

// By the words of the card's format: "numbered" or "steps", "dashes" or "bullets"; else sentences.
Layout layout_of(const StyleWish& wish);

}  // namespace kith::personalize
