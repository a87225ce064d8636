// The description of the HTTP interface, served at /openapi.json.
#pragma once

#include <string>

namespace kith::api {

// OpenAPI 3.1, JSON.
std::string openapi_document();

}  // namespace kith::api
