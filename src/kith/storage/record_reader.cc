#include "kith/storage/record_reader.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "kith/base/file.h"
#include "kith/base/json.h"

namespace kith::storage {
namespace {

using base::Json;

// Records of one group: a commit costs as much as storing tens of them, and requests wait for less
// than a commit or two meanwhile.
constexpr int kGroupRecords = 100;
constexpr std::size_t kProgressBytes = std::size_t{1} << 18;
// What the header of a CSV file may ask of every record: a few bytes there must not make trees that
// are too deep to walk over, or long lists of nothing.
constexpr std::size_t kMaxPathParts = 32;
constexpr std::size_t kMaxListElements = 10'000;

Error bad(std::string reason) { return Error{ErrorCode::kInvalidArgument, std::move(reason)}; }

// JSON escapes and replaces what is not UTF-8, so only well-formed text survives the round trip.
bool is_utf8(const std::string& text) {
  const auto parsed = base::parse_json(base::dump_json(Json(text)));
  return parsed && *parsed == Json(text);
}

// Walks over the file line by line, counting.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {
    if (text_.starts_with("\xEF\xBB\xBF")) position_ = 3;
  }

  bool at_end() const { return position_ >= text_.size(); }
  std::size_t position() const { return position_; }
  std::int64_t line() const { return line_; }
  std::string_view rest() const { return text_.substr(position_); }

  // The line without its end; the cursor stands behind it.
  std::string_view take_line() {
    std::string_view line = rest().substr(0, rest().find('\n'));
    advance(std::min(line.size() + 1, rest().size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }

  void advance(std::size_t bytes) {
    const std::string_view passed = text_.substr(position_, bytes);
    line_ += std::count(passed.begin(), passed.end(), '\n');
    position_ += bytes;
  }

 private:
  std::string_view text_;
  std::size_t position_ = 0;
  std::int64_t line_ = 1;
};

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// A record with the line it began on; an Error is a bad line.
struct Item {
  std::int64_t line = 0;
  Result<Json> value;
};

class Reader {
 public:
  virtual ~Reader() = default;
  // No value at the end of the file.
  virtual std::optional<Item> next(Cursor& cursor) = 0;
};

class JsonlReader final : public Reader {
 public:
  explicit JsonlReader(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  std::optional<Item> next(Cursor& cursor) override {
    while (!cursor.at_end()) {
      const std::int64_t line = cursor.line();
      const std::string_view text = cursor.take_line();
      if (!is_blank(text)) return Item{line, parse(text)};
    }
    return std::nullopt;
  }

 private:
  Result<Json> parse(std::string_view text) const {
    if (text.size() > max_bytes_) {
      return bad("line must have at most " + std::to_string(max_bytes_) + " bytes");
    }
    KITH_ASSIGN_OR_RETURN(Json value, base::parse_json(text));
    if (!value.is_object()) return bad("a record must be a JSON object");
    return value;
  }

  std::size_t max_bytes_;
};

// Reads over one CSV record, a byte at a time.
struct RowScan {
  enum class Part : std::uint8_t { kText, kQuote, kCellEnd, kRowEnd };

  std::size_t at = 0;
  bool is_quoted = false;
  bool is_cell_empty = true;

  // What the byte at `at` is; goes behind it, or behind the second of two quotes that stand for
  // one.
  Part next(std::string_view text) {
    const char c = text[at++];
    if (is_quoted) {
      const bool is_doubled = c == '"' && at < text.size() && text[at] == '"';
      if (is_doubled) ++at;
      if (c == '"' && !is_doubled) {
        is_quoted = false;
        return Part::kQuote;
      }
    } else if (c == '\n') {
      return Part::kRowEnd;
    } else if (c == ',') {
      is_cell_empty = true;
      return Part::kCellEnd;
    } else if (c == '"' && is_cell_empty) {
      is_quoted = true;
      return Part::kQuote;
    }
    is_cell_empty = false;
    return Part::kText;
  }

  // Goes on until the record ends, and says so, or until `limit` is reached.
  bool reach_end(std::string_view text, std::size_t limit) {
    while (at < std::min(limit, text.size())) {
      if (next(text) == Part::kRowEnd) return true;
    }
    return at >= text.size() && !is_quoted;
  }
};

// The cells of one record, which may end with its line end.
std::vector<std::string> split_cells(std::string_view row) {
  std::vector<std::string> cells(1);
  RowScan scan;
  while (scan.at < row.size()) {
    const RowScan::Part part = scan.next(row);
    if (part == RowScan::Part::kText) cells.back() += row[scan.at - 1];
    if (part == RowScan::Part::kCellEnd) cells.emplace_back();
  }
  if (cells.back().ends_with('\r')) cells.back().pop_back();
  return cells;
}

// Takes records off a file. Behind a bad record it goes on with the next line, so that a stray
// quote loses one record and not the rest of the file.
class RowReader {
 public:
  explicit RowReader(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  Result<std::vector<std::string>> take(Cursor& cursor) {
    const std::string_view text = cursor.rest();
    RowScan scan;
    const std::size_t line_end = std::min(text.find('\n'), max_bytes_);
    if (!scan.reach_end(text, line_end + 1) && !reach_end(scan, text, cursor.position())) {
      cursor.take_line();
      return scan.is_quoted
                 ? bad(scan.at >= text.size()
                           ? "a quote is opened and never closed"
                           : "a quote is opened and not closed within the longest record")
                 : bad("record must have at most " + std::to_string(max_bytes_) + " bytes");
    }
    auto cells = split_cells(text.substr(0, scan.at));
    cursor.advance(scan.at);
    return cells;
  }

 private:
  // Two records that are open at the same line end go on alike. So a record that begins behind one
  // that never ended takes up where that one gave up: every byte is looked at once, however many
  // lines leave a quote open.
  bool reach_end(RowScan& scan, std::string_view text, std::size_t position) {
    const bool is_at_line_end = scan.is_quoted && text[scan.at - 1] == '\n';
    if (is_at_line_end && gave_up_.at > position + scan.at) {
      scan = gave_up_;
      scan.at -= position;
    }
    if (scan.reach_end(text, max_bytes_ + 1)) return true;
    gave_up_ = scan;
    gave_up_.at += position;
    return false;
  }

  std::size_t max_bytes_;
  // In bytes of the file.
  RowScan gave_up_;
};

std::vector<std::string> split_path(const std::string& name) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', begin)) {
    parts.push_back(name.substr(begin, dot - begin));
    begin = dot + 1;
  }
  parts.push_back(name.substr(begin));
  return parts;
}

std::optional<std::size_t> to_index(const std::string& part) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (part.empty() || part.size() > 5 || !std::all_of(part.begin(), part.end(), is_digit)) {
    return std::nullopt;
  }
  return std::stoul(part);
}

Status set_member(Json& record, const std::vector<std::string>& path, std::string value) {
  Json* place = &record;
  for (const std::string& part : path) {
    const std::optional<std::size_t> index = to_index(part);
    if (index && (place->is_array() || place->is_null())) {
      place = &(*place)[*index];
    } else if (place->is_object() || place->is_null()) {
      place = &(*place)[part];
    } else {
      return bad("columns contradict each other: one is a value, another its member");
    }
  }
  if (!place->is_null()) return bad("columns contradict each other: two name the same member");
  *place = std::move(value);
  return {};
}

// Errors: kInvalidArgument if records of these columns could be too deep or too large.
Status check_columns(const std::vector<std::vector<std::string>>& columns) {
  // Elements of each list, by the path to it.
  std::map<std::string, std::size_t> sizes;
  std::size_t total = 0;
  for (const auto& path : columns) {
    if (path.size() > kMaxPathParts) {
      return bad("a name of the CSV header must have at most " + std::to_string(kMaxPathParts) +
                 " parts: " + std::to_string(path.size()));
    }
    std::string list;
    for (const std::string& part : path) {
      if (const std::optional<std::size_t> index = to_index(part)) {
        std::size_t& size = sizes[list];
        total += std::max(size, *index + 1) - size;
        size = std::max(size, *index + 1);
      }
      list += part + ".";
    }
  }
  if (total <= kMaxListElements) return {};
  return bad("the lists of a CSV header must have at most " + std::to_string(kMaxListElements) +
             " elements together: " + std::to_string(total));
}

class CsvReader final : public Reader {
 public:
  static Result<std::unique_ptr<Reader>> open(Cursor& cursor, std::size_t max_bytes) {
    while (!cursor.at_end() && is_blank(cursor.rest().substr(0, cursor.rest().find('\n')))) {
      cursor.take_line();
    }
    if (cursor.at_end()) return bad("there is no CSV header");
    KITH_ASSIGN_OR_RETURN(const auto names, RowReader(max_bytes).take(cursor));
    std::set<std::string> seen;
    std::vector<std::vector<std::string>> columns;
    for (const std::string& name : names) {
      if (name.empty() || !is_utf8(name)) return bad("a column of the CSV header has no name");
      if (!seen.insert(name).second) return bad("a column of the CSV header stands twice");
      columns.push_back(split_path(name));
    }
    KITH_RETURN_IF_ERROR(check_columns(columns));
    return std::unique_ptr<Reader>(new CsvReader(std::move(columns), max_bytes));
  }

  std::optional<Item> next(Cursor& cursor) override {
    while (!cursor.at_end()) {
      const std::int64_t line = cursor.line();
      if (is_blank(cursor.rest().substr(0, cursor.rest().find('\n')))) {
        cursor.take_line();
        continue;
      }
      Result<std::vector<std::string>> cells = rows_.take(cursor);
      if (!cells) return Item{line, std::move(cells).error()};
      return Item{line, to_record(*std::move(cells))};
    }
    return std::nullopt;
  }

 private:
  CsvReader(std::vector<std::vector<std::string>> columns, std::size_t max_bytes)
      : columns_(std::move(columns)), rows_(max_bytes) {}

  Result<Json> to_record(std::vector<std::string> cells) const {
    if (cells.size() != columns_.size()) {
      return bad("row has " + std::to_string(cells.size()) + " cells, the header " +
                 std::to_string(columns_.size()));
    }
    Json record = Json::object();
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (cells[i].empty()) continue;
      if (!is_utf8(cells[i])) return bad("a cell is not valid UTF-8");
      KITH_RETURN_IF_ERROR(set_member(record, columns_[i], std::move(cells[i])));
    }
    return record;
  }

  std::vector<std::vector<std::string>> columns_;
  RowReader rows_;
};

Result<std::unique_ptr<Reader>> open_reader(const std::filesystem::path& file, Cursor& cursor,
                                            std::size_t max_bytes) {
  const std::string_view text = cursor.rest();
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) {
    return std::unique_ptr<Reader>(std::make_unique<JsonlReader>(max_bytes));
  }
  if (file.extension() != ".csv" && text[first] == '{') {
    return std::unique_ptr<Reader>(std::make_unique<JsonlReader>(max_bytes));
  }
  if (file.extension() == ".jsonl") {
    return std::unique_ptr<Reader>(std::make_unique<JsonlReader>(max_bytes));
  }
  return CsvReader::open(cursor, max_bytes);
}

bool is_fault_of_record(ErrorCode code) {
  return code == ErrorCode::kInvalidArgument || code == ErrorCode::kNotFound ||
         code == ErrorCode::kConflict;
}

void count(ImportReport& report, WriteOutcome outcome) {
  switch (outcome) {
    case WriteOutcome::kAdded:
      ++report.num_added;
      break;
    case WriteOutcome::kUpdated:
      ++report.num_updated;
      break;
    case WriteOutcome::kUnchanged:
      ++report.num_unchanged;
      break;
  }
}

}  // namespace

void ImportReport::merge(ImportReport other) {
  num_added += other.num_added;
  num_updated += other.num_updated;
  num_unchanged += other.num_unchanged;
  num_failed += other.num_failed;
  std::move(other.bad_lines.begin(), other.bad_lines.end(), std::back_inserter(bad_lines));
}

Result<ImportReport> import_records(const std::filesystem::path& file, const RecordOptions& options,
                                    const RecordHandler& handle) {
  KITH_ASSIGN_OR_RETURN(const base::MappedFile mapped, base::MappedFile::open(file));
  const auto bytes = mapped.bytes();
  return import_record_text({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file,
                            options, handle);
}

namespace {

// One file on its way. Borrows everything.
class RecordImport {
 public:
  RecordImport(Cursor& cursor, Reader& reader, std::string file, const RecordOptions& options,
               const RecordHandler& handle)
      : cursor_(cursor),
        reader_(reader),
        file_(std::move(file)),
        options_(options),
        handle_(handle) {}

  Result<ImportReport> run(std::size_t total_bytes) {
    while (!is_at_end_) {
      const auto take_some = [this] { return take(kGroupRecords); };
      KITH_RETURN_IF_ERROR(options_.group ? options_.group(take_some) : take_some());
      if (options_.on_progress && cursor_.position() - reported_bytes_ >= kProgressBytes) {
        reported_bytes_ = cursor_.position();
        options_.on_progress(reported_bytes_, total_bytes);
      }
    }
    if (options_.on_progress) options_.on_progress(total_bytes, total_bytes);
    return std::move(report_);
  }

 private:
  Status take(int most) {
    for (int i = 0; i < most; ++i) {
      std::optional<Item> item = reader_.next(cursor_);
      is_at_end_ = !item;
      if (is_at_end_) return {};
      KITH_RETURN_IF_ERROR(take(std::move(*item)));
    }
    return {};
  }

  Status take(Item item) {
    Result<WriteOutcome> outcome =
        item.value ? handle_(*item.value) : Result<WriteOutcome>(std::move(item.value).error());
    if (outcome) {
      count(report_, *outcome);
      return {};
    }
    if (!is_fault_of_record(outcome.error().code)) {
      return std::move(outcome).error().with_context(file_ + ":" + std::to_string(item.line));
    }
    ++report_.num_failed;
    if (report_.bad_lines.size() < options_.max_bad_lines) {
      report_.bad_lines.push_back(BadLine{file_, item.line, outcome.error().message});
    }
    return {};
  }

  Cursor& cursor_;
  Reader& reader_;
  const std::string file_;
  const RecordOptions& options_;
  const RecordHandler& handle_;
  ImportReport report_;
  std::size_t reported_bytes_ = 0;
  bool is_at_end_ = false;
};

}  // namespace

Result<ImportReport> import_record_text(std::string_view text, const std::filesystem::path& file,
                                        const RecordOptions& options, const RecordHandler& handle) {
  Cursor cursor(text);
  auto reader = open_reader(file, cursor, options.max_record_bytes);
  if (!reader) return std::move(reader).error().with_context(file.string());
  return RecordImport(cursor, **reader, file.string(), options, handle).run(text.size());
}

}  // namespace kith::storage
