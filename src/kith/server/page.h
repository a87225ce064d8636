// How much of a long list a request asks for: ?limit=.
#pragma once

#include <cstddef>

#include "kith/api/error.h"
#include "kith/server/http.h"

namespace kith::server {

// 100 unless the query says otherwise. Errors: 400 unless it is a number in [1, 1000].
api::Outcome<std::size_t> page_size(const HttpRequest& request);

}  // namespace kith::server
