// Who takes over where an answer does not do: when the user asks for a person, and how the answer
// says whom to call.
#pragma once

#include <string>
#include <string_view>

#include "kith/persona/catalogue.h"
#include "kith/personalize/candidates.h"

namespace kith::personalize {

// Whether the message asks for a person ("can I talk to somebody?", "转人工"), in English or
// Chinese.
bool asks_for_person(std::string_view message);

// How the sentence is to read.
struct EscalationStyle {
  Layout layout = Layout::kSentences;
  bool is_short = false;
  std::string language;  // BCP 47 primary tag; anything but "zh" is English
};

// What is to stand behind `answer`, what separates them included: a further step or dash of its
// list, or a sentence.
std::string render_escalation(const persona::Escalation& target, const EscalationStyle& style,
                              std::string_view answer);

}  // namespace kith::personalize
