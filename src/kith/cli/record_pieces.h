// Cuts the text of a file of records into pieces that a server takes in one request.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "kith/base/result.h"

namespace kith::cli {

struct RecordPiece {
  std::string text;  // with the header line, if the file is CSV
  // What is added to a line of the piece to give the line of the file.
  std::int64_t line_offset = 0;
};

// Calls `take` with pieces of at most `max_bytes`, cut between records: between lines, and in CSV
// never inside quotes. A longer record is a piece of its own. Stops at the first error, which is
// returned.
Status for_each_piece(std::string_view text, bool is_csv, std::size_t max_bytes,
                      const std::function<Status(const RecordPiece&)>& take);

}  // namespace kith::cli
