#include "kith/runtime/seed.h"

#include <algorithm>
#include <map>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/profile/import.h"

namespace kith::runtime {
namespace {

namespace fs = std::filesystem;

Result<std::vector<fs::path>> jsonl_files(const fs::path& dir) {
  std::error_code error;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(dir, error)) {
    if (entry.path().extension() == ".jsonl") files.push_back(entry.path());
  }
  if (error) return Error{ErrorCode::kNotFound, "no example data in " + dir.string()};
  std::sort(files.begin(), files.end());
  return files;
}

// The example is ours: a bad line in it is a defect and not something to skip.
Status require_clean(const storage::ImportReport& report) {
  if (report.num_failed == 0) return {};
  const storage::BadLine& bad = report.bad_lines.front();
  return Error{ErrorCode::kInvalidArgument,
               bad.file + ":" + std::to_string(bad.line) + ": " + bad.reason};
}

template <typename Import>
Result<storage::ImportReport> import_folder(const fs::path& dir, Import&& import) {
  storage::ImportReport total;
  KITH_ASSIGN_OR_RETURN(const auto files, jsonl_files(dir));
  for (const fs::path& file : files) {
    KITH_ASSIGN_OR_RETURN(auto report, import(file));
    KITH_RETURN_IF_ERROR(require_clean(report));
    total.merge(std::move(report));
  }
  return total;
}

// Calls `use` with every object of a JSON Lines file.
template <typename Use>
Status for_each_line(const fs::path& file, Use&& use) {
  const auto handle = [&](const base::Json& record) -> Result<storage::WriteOutcome> {
    use(record);
    return storage::WriteOutcome::kAdded;
  };
  KITH_ASSIGN_OR_RETURN(const auto report, storage::import_records(file, {}, handle));
  return require_clean(report);
}

// What the example's training users wrote, with their persona: from these the assigner learns
// words. Users of the test split, and those who refused learning, are left out.
Result<std::string> persona_texts(const fs::path& example) {
  std::map<std::string, std::string> persona_of;
  KITH_RETURN_IF_ERROR(for_each_line(example / "truth.jsonl", [&](const base::Json& line) {
    if (line.value("split", "") == "train")
      persona_of[line.value("id", "")] = line.value("persona", "");
  }));
  KITH_RETURN_IF_ERROR(for_each_line(example / "employees.jsonl", [&](const base::Json& line) {
    if (!line.value("/consent/learn"_json_pointer, true)) persona_of.erase(line.value("id", ""));
  }));
  std::string texts;
  const auto add_turns = [&](const base::Json& conversation) {
    const auto persona = persona_of.find(conversation.value("user", ""));
    if (persona == persona_of.end()) return;
    for (const auto& turn : conversation.value("turns", base::Json::array())) {
      if (turn.value("role", "") != "user") continue;
      texts += base::dump_json(
                   base::Json{{"persona", persona->second}, {"text", turn.value("text", "")}}) +
               "\n";
    }
  };
  KITH_ASSIGN_OR_RETURN(const auto files, jsonl_files(example / "conversations"));
  for (const fs::path& file : files) KITH_RETURN_IF_ERROR(for_each_line(file, add_turns));
  return texts;
}

}  // namespace

Result<SeedReport> seed_service_desk(Installation& installation, const fs::path& example) {
  SeedReport report;
  profile::Importer importer(installation.stores(), installation.clock());
  KITH_ASSIGN_OR_RETURN(report.users, importer.import_users(example / "employees.jsonl"));
  KITH_RETURN_IF_ERROR(require_clean(report.users));
  KITH_ASSIGN_OR_RETURN(report.knowledge,
                        import_folder(example / "knowledge", [&](const fs::path& file) {
                          return installation.knowledge().import(default_tenant(), file);
                        }));
  KITH_ASSIGN_OR_RETURN(report.conversations,
                        import_folder(example / "conversations", [&](const fs::path& file) {
                          return importer.import_conversations(file);
                        }));
  KITH_ASSIGN_OR_RETURN(const std::string personas, base::read_file(example / "personas.toml"));
  KITH_RETURN_IF_ERROR(
      base::write_file_atomically(installation.path() / "personas.toml", personas));
  KITH_ASSIGN_OR_RETURN(const std::string texts, persona_texts(example));
  KITH_RETURN_IF_ERROR(
      base::write_file_atomically(installation.path() / "persona_texts.jsonl", texts));
  return report;
}

}  // namespace kith::runtime
