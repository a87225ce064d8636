// Feeds any bytes to the reader of record files: the first line names the file and bounds a record,
// the rest is the file. Every record is counted once, and what was read is read again from the JSON
// Lines that say the same. The corpus is testdata/record_reader.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/check.h"
#include "kith/base/fuzz_input.h"
#include "kith/storage/record_reader.h"

namespace {

using kith::base::Json;
using kith::storage::ImportReport;

struct Records {
  std::vector<Json> read;
  ImportReport report;
  bool failed = false;
};

Records import(std::string_view text, std::string_view name, std::size_t max_record_bytes) {
  Records records;
  const auto keep = [&records](const Json& record) {
    records.read.push_back(record);
    return kith::Result<kith::storage::WriteOutcome>(kith::storage::WriteOutcome::kAdded);
  };
  const auto report = kith::storage::import_record_text(
      text, name, {.max_record_bytes = max_record_bytes, .max_bad_lines = 20}, keep);
  if (report) {
    records.report = *report;
  } else {
    kith::base::check_refusal(report.error());
    records.failed = true;
  }
  return records;
}

void check(const Records& records, std::string_view text) {
  const auto num_lines = std::count(text.begin(), text.end(), '\n') + 1;
  const ImportReport& report = records.report;
  KITH_CHECK(report.num_added == static_cast<std::int64_t>(records.read.size()), "all are counted");
  KITH_CHECK(report.num_added + report.num_failed <= num_lines, "a line is no more than a record");
  KITH_CHECK(static_cast<std::int64_t>(report.bad_lines.size()) ==
                 std::min<std::int64_t>(report.num_failed, 20),
             "bad lines are kept up to their bound");
  std::int64_t last = 0;
  for (const auto& bad : report.bad_lines) {
    KITH_CHECK(bad.line > last && bad.line <= num_lines, "bad lines are in order");
    kith::base::check_message(bad.reason);
    last = bad.line;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  kith::base::FuzzInput input(data, size);
  const std::string_view head = input.take_line();
  const bool is_named = head.ends_with(".csv") || head.ends_with(".jsonl");
  const std::string name = is_named ? "file" + std::string(head.substr(head.rfind('.'))) : "file";
  const Records records = import(input.rest(), name, 20 * head.size());
  if (records.failed) return 0;
  check(records, input.rest());

  std::string lines;
  for (const Json& record : records.read) {
    KITH_CHECK(record.is_object(), "records are objects");
    lines += kith::base::dump_json(record) + "\n";
  }
  const Records again = import(lines, "again.jsonl", lines.size());
  KITH_CHECK(again.read == records.read && again.report.num_failed == 0, "records can be told");
  return 0;
}
