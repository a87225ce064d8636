// What becomes of members of a request that nobody knows, before the own models (an upstream reads
// them itself): refused by name, or ignored and told of. Internal to server.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kith/api/error.h"
#include "kith/server/http.h"
#include "kith/server/options.h"

namespace kith::server {

// 400 naming the first of them, if the server does not ignore them; else none.
std::optional<api::ApiError> refuse_unknown(const ServerOptions& options,
                                            const std::vector<std::string>& unknown);

// The error for a member that is known and cannot be honoured: 400.
api::ApiError unsupported(const std::string& name);

// Tells who made the request which members had no effect, by X-Kith-Ignored: a misspelled member is
// else never found. At most 16 names.
void tell_ignored(const std::vector<std::string>& unknown, HeaderList& headers);

}  // namespace kith::server
