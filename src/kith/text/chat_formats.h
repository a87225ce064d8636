// The built-in chat formats and the markers by which templates are recognised.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "kith/text/chat_template.h"

namespace kith::text {

const std::vector<ChatFormat>& built_in_chat_formats();

// Null if there is none.
const ChatFormat* find_chat_format(std::string_view name);

// A template of the family holds all these texts. Looked through in order; the first that fits
// wins.
struct ChatMarkers {
  std::string_view format;
  std::vector<std::string_view> texts;
};
std::span<const ChatMarkers> chat_markers();

}  // namespace kith::text
