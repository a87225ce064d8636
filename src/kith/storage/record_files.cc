#include "kith/storage/record_files.h"

#include <algorithm>
#include <string>
#include <system_error>

#include "kith/base/json.h"

namespace kith::storage {

Result<std::vector<std::filesystem::path>> jsonl_files(const std::filesystem::path& dir) {
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(dir, error)) {
    if (entry.path().extension() == ".jsonl") files.push_back(entry.path());
  }
  if (error) return Error{ErrorCode::kNotFound, "no directory of records: " + dir.string()};
  std::sort(files.begin(), files.end());
  return files;
}

Status require_clean(const ImportReport& report) {
  if (report.num_failed == 0) return {};
  const BadLine& bad = report.bad_lines.front();
  return Error{ErrorCode::kInvalidArgument,
               bad.file + ":" + std::to_string(bad.line) + ": " + bad.reason};
}

Status read_records(const std::filesystem::path& file,
                    const std::function<void(const nlohmann::json& record)>& use) {
  const auto handle = [&](const base::Json& record) -> Result<WriteOutcome> {
    use(record);
    return WriteOutcome::kAdded;
  };
  KITH_ASSIGN_OR_RETURN(const auto report, import_records(file, {}, handle));
  return require_clean(report);
}

}  // namespace kith::storage
