#include "kith/profile/event_import.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "kith/base/json.h"
#include "kith/profile/fields.h"
#include "kith/storage/digest.h"

namespace kith::profile {
namespace {

using base::Json;
using storage::WriteOutcome;

constexpr std::array kMembers{"id", "user", "at", "kind", "item", "number", "text"};
constexpr std::string_view kCategories = "categories.";

Status check_columns(const EventImportOptions& options) {
  for (const auto& [member, column] : options.columns) {
    const bool is_known = std::find(kMembers.begin(), kMembers.end(), member) != kMembers.end() ||
                          (member.starts_with(kCategories) && member.size() > kCategories.size());
    if (!is_known || column.empty()) {
      return Error{
          ErrorCode::kInvalidArgument,
          "a column is id, user, at, kind, item, number, text or categories.NAME: " + member};
    }
  }
  return storage::check_row_id(options.kind, "event kind");
}

class EventImport {
 public:
  EventImport(storage::TimelineStore& timelines, const EventImportOptions& options,
              base::UnixMicros now)
      : timelines_(timelines), options_(options), now_(now) {}

  // Takes the record into the batch; what became of it is counted when the batch is stored.
  Result<WriteOutcome> operator()(const Json& record) {
    KITH_ASSIGN_OR_RETURN(const Json renamed, rename(record));
    KITH_ASSIGN_OR_RETURN(storage::UserEvent row, read(renamed));
    KITH_RETURN_IF_ERROR(storage::check_scope({options_.tenant.tenant, row.user}));
    KITH_RETURN_IF_ERROR(storage::check_event(row.event));
    is_future_.push_back(row.event.at > now_);
    if (is_future_.back()) row.has_time = false;
    row.event.at = std::min(row.event.at, now_);
    batch_.push_back(std::move(row));
    if (batch_.size() >= options_.batch) KITH_RETURN_IF_ERROR(store());
    return WriteOutcome::kUnchanged;
  }

  Status store() {
    if (batch_.empty()) return {};
    KITH_ASSIGN_OR_RETURN(const auto outcomes, timelines_.add(options_.tenant, batch_));
    for (std::size_t i = 0; i < outcomes.size(); ++i) count(outcomes[i], is_future_[i]);
    batch_.clear();
    is_future_.clear();
    return {};
  }

  // Takes what the reader counted of bad lines.
  EventImportReport report(storage::ImportReport read) {
    report_.records.num_failed = read.num_failed;
    report_.records.bad_lines = std::move(read.bad_lines);
    return std::move(report_);
  }

 private:
  // The members under their own names. A named column hides a member of that name.
  Result<Json> rename(const Json& record) const {
    if (options_.columns.empty()) return record;
    Json renamed = record;
    for (const auto& [member, column] : options_.columns) {
      const auto found = record.find(column);
      if (found == record.end()) continue;
      if (!std::string_view(member).starts_with(kCategories)) {
        renamed[member] = *found;
        continue;
      }
      Json& categories = renamed["categories"];
      if (categories.is_null()) categories = Json::object();
      if (!categories.is_object()) return wrong("\"categories\" must be an object");
      categories[member.substr(kCategories.size())] = *found;
    }
    return renamed;
  }

  static Error wrong(const char* message) { return Error{ErrorCode::kInvalidArgument, message}; }

  Result<storage::UserEvent> read(const Json& record) {
    storage::UserEvent row;
    storage::TimelineEvent& event = row.event;
    KITH_ASSIGN_OR_RETURN(std::string user, require_text(record, "user"));
    row.user = UserId(std::move(user));
    KITH_ASSIGN_OR_RETURN(const auto kind, read_text(record, "kind"));
    event.kind = kind && !kind->empty() ? *kind : options_.kind;
    KITH_ASSIGN_OR_RETURN(const auto item, read_text(record, "item"));
    event.item = item.value_or("");
    KITH_ASSIGN_OR_RETURN(const auto text, read_text(record, "text"));
    event.text = text.value_or("");
    KITH_ASSIGN_OR_RETURN(event.number, read_real(record, "number"));
    const auto categories = record.find("categories");
    if (categories != record.end() && !categories->is_null()) {
      KITH_ASSIGN_OR_RETURN(event.categories, to_attributes(*categories));
    }
    const auto at = record.find("at");
    row.has_time = at != record.end() && !at->is_null();
    KITH_ASSIGN_OR_RETURN(event.at, read_time(record, "at", now_));
    event.received_at = now_;
    KITH_ASSIGN_OR_RETURN(const auto id, read_text(record, "id"));
    event.id = id && !id->empty() ? *id : derive_id(record, event);
    return row;
  }

  // Of the record as it stands, so that a missing time does not make it new at each import.
  static std::string derive_id(const Json& record, const storage::TimelineEvent& event) {
    const auto part = [&](const char* key) {
      const auto found = record.find(key);
      return found == record.end() ? std::string() : base::dump_json(*found);
    };
    return "import-" + storage::digest({event.kind, event.item, event.text, part("at"),
                                        part("number"), part("categories")});
  }

  void count(WriteOutcome outcome, bool is_future) {
    storage::ImportReport& records = report_.records;
    if (outcome == WriteOutcome::kAdded) ++records.num_added;
    if (outcome == WriteOutcome::kUpdated) ++records.num_updated;
    if (outcome == WriteOutcome::kUnchanged) ++records.num_unchanged;
    if (is_future && outcome != WriteOutcome::kUnchanged) ++report_.num_from_the_future;
  }

  storage::TimelineStore& timelines_;
  const EventImportOptions& options_;
  base::UnixMicros now_;
  std::vector<storage::UserEvent> batch_;
  std::vector<bool> is_future_;  // of each event of the batch
  EventImportReport report_;
};

}  // namespace

Result<EventImportReport> import_events(storage::TimelineStore& timelines, const base::Clock& clock,
                                        const EventImportOptions& options,
                                        const std::filesystem::path& file) {
  KITH_RETURN_IF_ERROR(check_columns(options));
  EventImport import(timelines, options, clock.now());
  KITH_ASSIGN_OR_RETURN(
      auto read, storage::import_records(file, options.records,
                                         [&](const Json& record) { return import(record); }));
  KITH_RETURN_IF_ERROR(import.store());
  return import.report(std::move(read));
}

}  // namespace kith::profile
