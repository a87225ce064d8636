#include "kith/runtime/seed.h"

#include <map>
#include <optional>
#include <span>
#include <system_error>
#include <vector>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/new_directory.h"
#include "kith/profile/event_import.h"
#include "kith/profile/import.h"
#include "kith/storage/digest.h"
#include "kith/storage/record_files.h"

namespace kith::runtime {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSchemaFile = "timeline.toml";

// The example is ours: a bad line in it is a defect and not something to skip.
template <typename Import>
Result<storage::ImportReport> import_folder(const fs::path& dir, Import&& import) {
  storage::ImportReport total;
  KITH_ASSIGN_OR_RETURN(const auto files, storage::jsonl_files(dir));
  for (const fs::path& file : files) {
    KITH_ASSIGN_OR_RETURN(auto report, import(file));
    KITH_RETURN_IF_ERROR(storage::require_clean(report));
    total.merge(std::move(report));
  }
  return total;
}

// What the example's training users wrote, with their persona: from these the assigner learns
// words. Users of the test split, and those who refused learning, are left out.
Result<std::string> persona_texts(const fs::path& example) {
  std::map<std::string, std::string> persona_of;
  KITH_RETURN_IF_ERROR(storage::read_records(example / "truth.jsonl", [&](const base::Json& line) {
    if (line.value("split", "") == "train")
      persona_of[line.value("id", "")] = line.value("persona", "");
  }));
  KITH_RETURN_IF_ERROR(
      storage::read_records(example / "employees.jsonl", [&](const base::Json& line) {
        if (!line.value("/consent/learn"_json_pointer, true))
          persona_of.erase(line.value("id", ""));
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
  KITH_ASSIGN_OR_RETURN(const auto files, storage::jsonl_files(example / "conversations"));
  for (const fs::path& file : files) KITH_RETURN_IF_ERROR(storage::read_records(file, add_turns));
  return texts;
}

// What is the same everywhere.
Status copy_if_there(const fs::path& from, const fs::path& to) {
  std::error_code error;
  if (!fs::exists(from, error)) return {};
  KITH_ASSIGN_OR_RETURN(const std::string bytes, base::read_file(from));
  return base::write_file_atomically(to, bytes);
}

Status copy_router(const fs::path& from, const fs::path& to) {
  constexpr const char* kCard = "router.json";
  std::error_code error;
  if (from.empty() || !fs::exists(from / kCard, error)) return {};
  KITH_ASSIGN_OR_RETURN(const std::string card, base::read_file(from / kCard));
  const auto known = base::read_file(to / kCard);
  if (known && *known == card) return {};
  KITH_ASSIGN_OR_RETURN(auto directory, base::NewDirectory::create(to, kCard));
  fs::copy(from, directory.path(), fs::copy_options::recursive, error);
  if (error) {
    return Error{ErrorCode::kUnavailable, "cannot copy the router: " + error.message()};
  }
  return directory.commit();
}

// Stores events of users who are there, in one transaction with the look whether they are: whoever
// is erased meanwhile does not come back with his events.
class TimelinesOfUsers final : public storage::TimelineStore {
 public:
  explicit TimelinesOfUsers(storage::StoreSet& stores) : stores_(stores) {}

  Result<std::vector<storage::WriteOutcome>> add(
      const storage::TenantScope& scope, std::span<const storage::UserEvent> events) override {
    std::vector<storage::WriteOutcome> outcomes(events.size(), storage::WriteOutcome::kUnchanged);
    KITH_RETURN_IF_ERROR(stores_.group([&]() -> Status {
      std::vector<storage::UserEvent> known;
      std::vector<std::size_t> places;
      for (std::size_t i = 0; i < events.size(); ++i) {
        KITH_ASSIGN_OR_RETURN(const auto user,
                              stores_.users().find({scope.tenant, events[i].user}));
        if (!user) continue;
        known.push_back(events[i]);
        places.push_back(i);
      }
      KITH_ASSIGN_OR_RETURN(const auto stored, stores_.timelines().add(scope, known));
      for (std::size_t i = 0; i < places.size(); ++i) outcomes[places[i]] = stored[i];
      return {};
    }));
    return outcomes;
  }
  Result<std::optional<storage::TimelineHead>> head(const storage::Scope& scope) override {
    return stores_.timelines().head(scope);
  }
  Result<std::vector<storage::PlacedEvent>> after(const storage::Scope& scope,
                                                  const storage::TimelinePosition& position,
                                                  std::size_t limit) override {
    return stores_.timelines().after(scope, position, limit);
  }
  Result<std::vector<storage::PlacedEvent>> newest(
      const storage::Scope& scope, std::optional<storage::TimelinePosition> position,
      std::size_t limit) override {
    return stores_.timelines().newest(scope, position, limit);
  }
  Result<std::vector<UserId>> users(const storage::TenantScope& scope, const UserId& after,
                                    std::size_t limit) override {
    return stores_.timelines().users(scope, after, limit);
  }

 private:
  storage::StoreSet& stores_;
};

}  // namespace

Result<SeedReport> seed_service_desk(Installation& installation, const fs::path& example,
                                     const fs::path& router) {
  SeedReport report;
  profile::Importer importer(installation.stores(), installation.clock());
  storage::RecordOptions records;
  records.group = [&](const auto& work) { return installation.stores().group(work); };
  KITH_ASSIGN_OR_RETURN(report.users, importer.import_users(example / "employees.jsonl"));
  KITH_RETURN_IF_ERROR(storage::require_clean(report.users));
  KITH_ASSIGN_OR_RETURN(report.knowledge,
                        import_folder(example / "knowledge", [&](const fs::path& file) {
                          return installation.knowledge().import(default_tenant(), file, records);
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
  KITH_RETURN_IF_ERROR(
      copy_if_there(example / kAssignmentFile, installation.path() / kAssignmentFile));
  KITH_RETURN_IF_ERROR(copy_if_there(example / kSchemaFile, installation.path() / kSchemaFile));
  KITH_RETURN_IF_ERROR(copy_router(router, installation.path() / "router"));
  return report;
}

Result<std::int64_t> seed_events(Installation& installation, const fs::path& example) {
  // Short transactions, so that requests come between.
  constexpr std::size_t kBatch = 256;
  const fs::path file = example / "events.csv";
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(file));
  const fs::path marker = installation.path() / "events.seeded";
  const std::string digest = storage::digest({text}) + "\n";
  if (const auto known = base::read_file(marker); known && *known == digest) return 0;
  profile::EventImportOptions options;
  options.batch = kBatch;
  TimelinesOfUsers timelines(installation.stores());
  KITH_ASSIGN_OR_RETURN(const auto report,
                        profile::import_events(timelines, installation.clock(), options, file));
  KITH_RETURN_IF_ERROR(storage::require_clean(report.records));
  KITH_RETURN_IF_ERROR(base::write_file_atomically(marker, digest));
  return report.records.num_added;
}

}  // namespace kith::runtime
