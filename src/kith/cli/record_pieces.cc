#include "kith/cli/record_pieces.h"

#include <algorithm>

namespace kith::cli {
namespace {

// Where the record that begins at `begin` ends, behind its line break.
std::size_t end_of_record(std::string_view text, std::size_t begin, bool is_csv) {
  bool is_quoted = false;
  for (std::size_t i = begin; i < text.size(); ++i) {
    if (is_csv && text[i] == '"') is_quoted = !is_quoted;
    if (text[i] == '\n' && !is_quoted) return i + 1;
  }
  return text.size();
}

std::int64_t count_lines(std::string_view text) {
  return std::count(text.begin(), text.end(), '\n');
}

}  // namespace

Status for_each_piece(std::string_view text, bool is_csv, std::size_t max_bytes,
                      const std::function<Status(const RecordPiece&)>& take) {
  const std::size_t header_end = is_csv ? end_of_record(text, 0, true) : 0;
  const std::string_view header = text.substr(0, header_end);
  std::int64_t offset = 0;
  std::size_t begin = header_end;
  do {
    std::size_t end = begin;
    while (end < text.size()) {
      const std::size_t next = end_of_record(text, end, is_csv);
      if (end > begin && header.size() + next - begin > max_bytes) break;
      end = next;
    }
    const std::string_view body = text.substr(begin, end - begin);
    KITH_RETURN_IF_ERROR(take({std::string(header).append(body), offset}));
    offset += count_lines(body);
    begin = end;
  } while (begin < text.size());
  return {};
}

}  // namespace kith::cli
