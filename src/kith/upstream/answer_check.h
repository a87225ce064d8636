// Tells an upstream's answer from its faults: what comes with status 200 can still be no JSON, or
// report a failure. Internal to upstream.
#pragma once

#include <string_view>

#include "kith/base/result.h"

namespace kith::upstream {

// The error that an answer of this status means; none for 2xx. `body` may say why: as OpenAI does
// ({"error": {"message"}}), or shorter ({"error": "why"}).
// Errors: kInvalidArgument (400, 404, 413, 422), kOverloaded (429), kUnavailable (all others).
Status check_status(int status, std::string_view body);

// What an answer, or an event of a stream, shows from outside.
struct AnswerOutline {
  // Whether its list (of choices, of vectors) holds something.
  bool has_items = false;
};

// Looks at a JSON answer whose list is called `list`. Memory: what is deep inside is not kept.
// Errors: kUnavailable if `text` is no JSON object. Any truthy "error" is one, as in OpenAI's own
//   clients: of the kind that its "code" means if that is the number of a status, else
//   kUnavailable.
Result<AnswerOutline> check_answer(std::string_view text, const char* list);

}  // namespace kith::upstream
