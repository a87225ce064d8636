// The text of one member of a JSON object as the client wrote it: the order of what is in it, which
// parsing into sorted objects loses, matters to schemas. Internal to api.
#pragma once

#include <optional>
#include <string_view>

namespace kith::api {

// The value of the last member called `key`. REQUIRES: `object` is a valid JSON object.
// Linear in its size.
std::optional<std::string_view> find_member_text(std::string_view object, std::string_view key);

}  // namespace kith::api
