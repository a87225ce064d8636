#include "kith/upstream/sse_parser.h"

namespace kith::upstream {
namespace {

// The standard skips one in front of the stream.
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

Status SseParser::append(std::string_view bytes) {
  for (const char c : bytes) {
    if (stopped_) return {};
    // A line ends with LF, CR or CRLF; the LF of a CRLF ends nothing more.
    if (c == '\n' && last_was_cr_) {
      last_was_cr_ = false;
      continue;
    }
    last_was_cr_ = c == '\r';
    if (c != '\n' && c != '\r') {
      line_ += c;
      if (line_.size() + data_.size() > max_event_bytes_) {
        return Error{ErrorCode::kUnavailable, "the upstream sent an event that is too large"};
      }
      continue;
    }
    take_line(line_);
    line_.clear();
  }
  return {};
}

void SseParser::take_line(std::string_view line) {
  if (is_first_line_ && line.starts_with(kByteOrderMark)) {
    line.remove_prefix(kByteOrderMark.size());
  }
  is_first_line_ = false;
  if (line.empty()) {
    if (has_data_) stopped_ = !on_data_(data_);
    data_.clear();
    has_data_ = false;
    return;
  }
  if (!line.starts_with("data")) return;
  line.remove_prefix(4);
  if (line.starts_with(':')) {
    line.remove_prefix(1);
  } else if (!line.empty()) {
    return;
  }
  if (line.starts_with(' ')) line.remove_prefix(1);
  if (has_data_) data_ += '\n';
  data_ += line;
  has_data_ = true;
}

}  // namespace kith::upstream
