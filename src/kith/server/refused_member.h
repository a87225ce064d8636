// Which member of a request it was that a generator refused. Internal to server.
#pragma once

#include <string>

#include "kith/api/error.h"
#include "kith/base/result.h"

namespace kith::server {

// The members that say how much is asked for.
struct SizeMembers {
  // What holds the prompt: "messages" or "prompt".
  std::string prompt;
  // What multiplies the answers ("n", "best_of"), or bounds the only one ("max_tokens").
  std::string answers;
};

// Puts the member that `error` means into `told`, which tells of that error; a request that there
// is no room for gets OpenAI's code, context_length_exceeded. Leaves it as it is for other errors.
void name_member(const Error& error, const SizeMembers& members, api::ApiError& told);

}  // namespace kith::server
