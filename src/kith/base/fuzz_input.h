// What a fuzz harness is fed, taken apart, and what every parser owes for bytes that it refuses.
// For harnesses only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/check.h"
#include "kith/base/json.h"
#include "kith/base/result.h"
#include "kith/base/rng.h"

namespace kith::base {

// Parts of an input stand behind each other, so that a corpus can be written by hand.
class FuzzInput {
 public:
  FuzzInput(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  // Up to the next `end`, which is dropped; all of the rest if there is none.
  std::string_view take_until(char end) {
    const std::string_view part = rest_.substr(0, rest_.find(end));
    rest_.remove_prefix(std::min(part.size() + 1, rest_.size()));
    return part;
  }
  std::string_view take_line() { return take_until('\n'); }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

// `text` in pieces of up to `longest` bytes, the same ones every time. REQUIRES: longest > 0.
inline std::vector<std::string_view> cut_anywhere(std::string_view text, std::size_t longest) {
  Rng rng(text.size());
  std::vector<std::string_view> pieces;
  while (!text.empty()) {
    pieces.push_back(text.substr(0, 1 + rng.below(longest)));
    text.remove_prefix(pieces.back().size());
  }
  return pieces;
}

// Whether JSON takes the text as it is.
inline bool is_utf8_text(const std::string& text) {
  const auto parsed = parse_json(dump_json(Json(text)));
  return parsed && *parsed == Json(text);
}

// Messages go to clients and into logs.
inline void check_message(const std::string& message) {
  KITH_CHECK(!message.empty(), "an error says what is wrong");
  KITH_CHECK(is_utf8_text(message), "an error's message is UTF-8");
}

inline void check_refusal(const Error& error) { check_message(error.message); }

}  // namespace kith::base
