// The text of one member of a JSON object as it was written: the order of what is in it, which
// parsing into sorted objects loses, matters to schemas, and of a large object only a part may be
// wanted.
#pragma once

#include <optional>
#include <string_view>

namespace kith::base {

// The value of the last member called `key`. Linear in the size of `object`; of what is no valid
// JSON object some part, or nothing: then parsing the part may tell.
std::optional<std::string_view> find_member_text(std::string_view object, std::string_view key);

}  // namespace kith::base
