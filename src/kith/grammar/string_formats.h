// The `format`s of strings that are held to, as patterns.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kith::grammar {

// A pattern (string_pattern.h) of which every match is of the format; nothing for formats that are
// not known.
std::optional<std::string> find_format(std::string_view name);

// The known names, separated by ", ".
std::string known_formats();

}  // namespace kith::grammar
