#include "kith/base/member_text.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "kith/base/json.h"

namespace kith::base {
namespace {

std::size_t skip_space(std::string_view text, std::size_t at) {
  return std::min(text.find_first_not_of(" \t\n\r", at), text.size());
}

// One behind the string that begins at `at`.
std::size_t skip_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return std::min(at + 1, text.size());
}

// One behind the value that begins at `at`.
std::size_t skip_value(std::string_view text, std::size_t at) {
  int depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (depth == 0 && (c == ',' || c == '}' || c == ']')) return at;
    if (c == '"') {
      at = skip_string(text, at);
      continue;
    }
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    ++at;
  }
  return at;
}

bool is_name(std::string_view quoted, std::string_view key) {
  if (quoted.find('\\') == std::string_view::npos) {
    return quoted.size() == key.size() + 2 && quoted.substr(1, key.size()) == key;
  }
  const auto name = parse_json(quoted);
  return name && name->is_string() && name->get_ref<const std::string&>() == key;
}

}  // namespace

std::optional<std::string_view> find_member_text(std::string_view object, std::string_view key) {
  std::optional<std::string_view> found;
  std::size_t at = object.find('{');
  while (at < object.size()) {
    // Behind "{" or ",".
    at = skip_space(object, at + 1);
    if (at >= object.size() || object[at] != '"') break;
    const std::size_t name = at;
    at = skip_string(object, at);
    const bool matches = is_name(object.substr(name, at - name), key);
    at = skip_space(object, skip_space(object, at) + 1);
    const std::size_t value = at;
    at = skip_value(object, at);
    std::string_view text = object.substr(value, at - value);
    text = text.substr(0, text.find_last_not_of(" \t\n\r") + 1);
    if (matches) found = text;
    if (at < object.size() && object[at] == '}') break;
  }
  return found;
}

}  // namespace kith::base
