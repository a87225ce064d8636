// Files of records, JSONL or CSV, read one record at a time; a bad line is reported with its place
// and does not stop the good ones.
//
// CSV follows RFC 4180 (quotes, quoted line ends, CRLF). The first line names the members: "a.b" is
// member b of object a, "a.0.b" member b of the first element of array a. Every cell is a string;
// an empty one is absent. A byte order mark at the start of either format is skipped, as are blank
// lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"
#include "kith/storage/user_store.h"

namespace kith::storage {

struct RecordOptions {
  // Longest record; a longer one is a bad line.
  std::size_t max_record_bytes = std::size_t{8} << 20;
  // Bad lines that are kept with their reason; all are counted.
  std::size_t max_bad_lines = 10'000;
  // Runs some hundred records' handling as one (StoreSet::group()); empty: each stands for itself.
  // If a record's error stops the import, its group is gone with it.
  std::function<Status(const std::function<Status()>& work)> group;
  // Called now and then with the bytes read and the size of the file; may be empty.
  std::function<void(std::size_t done_bytes, std::size_t total_bytes)> on_progress;
};

struct BadLine {
  std::string file;
  std::int64_t line = 0;  // from 1; the first line of the record
  std::string reason;     // never holds the record's text

  friend bool operator==(const BadLine&, const BadLine&) = default;
};

// What an import did. Each record counts in exactly one of the four numbers.
struct ImportReport {
  std::int64_t num_added = 0;
  std::int64_t num_updated = 0;
  std::int64_t num_unchanged = 0;
  std::int64_t num_failed = 0;
  std::vector<BadLine> bad_lines;

  // Adds the numbers and lines of another file.
  void merge(ImportReport other);
};

// Takes one record (always an object) and says what it changed.
using RecordHandler = std::function<Result<WriteOutcome>(const nlohmann::json& record)>;

// Reads `file` and hands every record to `handle`. ".csv" is CSV; any other name is JSONL if its
// first character is "{", else CSV. A handler's kInvalidArgument, kNotFound or kConflict makes a
// bad line; its other errors stop the import and are returned, with the place in the message.
// Errors: kNotFound or kUnavailable if the file cannot be read, kInvalidArgument if a CSV header is
//   missing, names a member twice, a member more than 32 levels deep, or more than 10,000 elements
//   of lists.
Result<ImportReport> import_records(const std::filesystem::path& file, const RecordOptions& options,
                                    const RecordHandler& handle);

// The same from the file's text; `file` decides the format and stands in messages. Linear in the
// text, whatever it holds.
Result<ImportReport> import_record_text(std::string_view text, const std::filesystem::path& file,
                                        const RecordOptions& options, const RecordHandler& handle);

}  // namespace kith::storage
