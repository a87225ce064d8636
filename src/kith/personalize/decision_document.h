// A decision as one JSON document: everything needed to explain an answer later.
#pragma once

#include <string>

#include "kith/personalize/candidates.h"
#include "kith/personalize/chat.h"
#include "kith/storage/decision_store.h"

namespace kith::personalize {

// `keeps_text` false (no consent to learn): ids, numbers and hashes only, no words of the answer.
std::string to_decision_document(const ChatAnswer& answer, bool keeps_text);

storage::DecisionRow to_decision_row(const ChatAnswer& answer, bool keeps_text);

// The excerpt that a report may hold of a candidate's text, on one line.
std::string make_excerpt(const std::string& text);

}  // namespace kith::personalize
