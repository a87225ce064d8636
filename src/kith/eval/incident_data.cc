#include "kith/eval/incident_data.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <tuple>
#include <unordered_map>

#include "kith/base/json.h"
#include "kith/eval/gzip_file.h"
#include "kith/storage/record_reader.h"

namespace kith::eval {
namespace {

namespace fs = std::filesystem;

std::string text_of(const base::Json& row, const char* key) {
  const auto found = row.find(key);
  if (found == row.end() || !found->is_string()) return {};
  auto text = found->get<std::string>();
  return text == "?" ? std::string() : text;
}

// Days since 1970 (Hinnant, "chrono-compatible low-level date algorithms").
std::int64_t days_of(int year, int month, int day) {
  year -= month <= 2 ? 1 : 0;
  const int era = year / 400;
  const int of_era = year - era * 400;
  const int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return std::int64_t{era} * 146'097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719'468;
}

// "29/2/2016 01:16", in UTC.
std::optional<base::UnixMicros> time_of(const std::string& text) {
  int day = 0;
  int month = 0;
  int year = 0;
  int hour = 0;
  int minute = 0;
  const int read =
      std::sscanf(text.c_str(), "%2d/%2d/%4d %2d:%2d", &day, &month, &year, &hour, &minute);
  if (read != 5 || day < 1 || day > 31 || month < 1 || month > 12) return std::nullopt;
  const std::int64_t minutes = (days_of(year, month, day) * 24 + hour) * 60 + minute;
  return minutes * 60 * 1'000'000;
}

// Takes over what is not known yet.
void fill_in(const base::Json& row, Incident& incident) {
  const auto fill = [&row](const char* key, std::string& value) {
    if (value.empty()) value = text_of(row, key);
  };
  fill("caller_id", incident.caller);
  fill("opened_by", incident.opened_by);
  fill("contact_type", incident.contact_type);
  fill("location", incident.location);
  fill("category", incident.category);
  fill("subcategory", incident.subcategory);
  fill("u_symptom", incident.symptom);
  fill("priority", incident.priority);
  fill("assignment_group", incident.group);
  if (incident.opened_at == 0) incident.opened_at = time_of(text_of(row, "opened_at")).value_or(0);
}

}  // namespace

Result<std::vector<Incident>> load_incidents(const fs::path& file) {
  KITH_ASSIGN_OR_RETURN(const std::string text, read_gzip_file(file));
  std::vector<Incident> incidents;
  std::unordered_map<std::string, std::size_t> places;
  const auto take = [&](const base::Json& row) -> Result<storage::WriteOutcome> {
    std::string number = text_of(row, "number");
    if (number.empty()) return Error{ErrorCode::kInvalidArgument, "number is missing"};
    const auto [place, is_new] = places.emplace(number, incidents.size());
    if (is_new) incidents.emplace_back().number = std::move(number);
    fill_in(row, incidents[place->second]);
    return is_new ? storage::WriteOutcome::kAdded : storage::WriteOutcome::kUpdated;
  };
  const auto report = storage::import_record_text(text, "events.csv", {}, take);
  if (!report) return Error(report.error()).with_context(file.string());
  if (report->num_failed > 0) {
    return Error{ErrorCode::kInvalidArgument, file.string() + ":" +
                                                  std::to_string(report->bad_lines.front().line) +
                                                  ": " + report->bad_lines.front().reason};
  }
  std::erase_if(incidents, [](const Incident& i) { return i.caller.empty() || i.opened_at == 0; });
  std::sort(incidents.begin(), incidents.end(), [](const Incident& a, const Incident& b) {
    return std::tie(a.opened_at, a.number) < std::tie(b.opened_at, b.number);
  });
  return incidents;
}

fs::path find_incidents(const fs::path& dir) {
  std::error_code error;
  for (const char* name : {"events.csv.gz", "events.csv"}) {
    const fs::path file = dir / "itsm-incident-log" / name;
    if (fs::exists(file, error)) return file;
  }
  return {};
}

}  // namespace kith::eval
