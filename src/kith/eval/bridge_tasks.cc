#include "kith/eval/bridge_tasks.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "kith/base/clock.h"
#include "kith/base/fingerprint.h"
#include "kith/base/json.h"
#include "kith/storage/record_reader.h"
#include "kith/timeline/feature_map.h"

namespace kith::eval {
namespace {

using base::Json;
using storage::TimelineEvent;

constexpr int kBurstSeconds = 10;

std::string text_of(const Json& record, const char* key) {
  const auto found = record.find(key);
  return found != record.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Result<TimelineEvent> read_event(const Json& record, base::UnixMicros now) {
  TimelineEvent event;
  event.id = text_of(record, "id");
  event.kind = text_of(record, "kind");
  event.item = text_of(record, "item");
  KITH_ASSIGN_OR_RETURN(const auto at, base::from_iso8601(text_of(record, "at")));
  event.at = std::min(at, now);
  const auto categories = record.find("categories");
  if (categories != record.end() && categories->is_object()) {
    for (const auto& [name, value] : categories->items()) {
      if (value.is_string()) event.categories[name] = value.get<std::string>();
    }
  }
  const std::string number = text_of(record, "number");
  if (!number.empty()) event.number = std::strtod(number.c_str(), nullptr);
  return event;
}

// Needs of the history with their counts, and the last that is known.
struct Needs {
  std::map<std::string, int> counts;
  std::string last;
};

Needs needs_of(const std::vector<TimelineEvent>& history) {
  Needs needs;
  for (const TimelineEvent& event : history) {
    const std::string need = need_of(event);
    if (need.empty()) continue;
    ++needs.counts[need];
    needs.last = need;
  }
  return needs;
}

std::vector<std::string> by_count(const Needs& needs) {
  std::vector<std::string> names;
  for (const auto& [name, count] : needs.counts) names.push_back(name);
  std::stable_sort(names.begin(), names.end(), [&](const auto& a, const auto& b) {
    return needs.counts.at(a) > needs.counts.at(b);
  });
  return names;
}

// Places in a timeline where another need begins and `history` events stand before.
std::vector<std::size_t> moments_of(const std::vector<TimelineEvent>& events, std::size_t history) {
  std::vector<std::size_t> moments;
  std::string last;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const std::string need = need_of(events[i]);
    if (i >= history && !need.empty() && !last.empty() && need != last) moments.push_back(i);
    if (!need.empty()) last = need;
  }
  return moments;
}

}  // namespace

timeline::TimelineSchema need_schema() {
  auto schema = timeline::parse_schema(
      "name = \"needs\"\nburst_seconds = " + std::to_string(kBurstSeconds) +
          "\n[[feature]]\nname = \"kind\"\npredict = 0.3\n[[feature]]\nname = \"need\"\nsource = "
          "\"categories.need\"\npredict = 1\n[[feature]]\nname = \"priority\"\nsource = "
          "\"categories.priority\"\n[[feature]]\nname = \"number\"\ntype = \"number\"\nbins = 6\n",
      "needs");
  return *std::move(schema);
}

Result<std::vector<UserTimeline>> read_timelines(const std::vector<std::filesystem::path>& files,
                                                 base::UnixMicros now) {
  std::vector<UserTimeline> timelines;
  for (std::size_t file = 0; file < files.size(); ++file) {
    std::map<std::string, std::map<std::string, TimelineEvent>> users;
    const auto take = [&](const Json& record) -> Result<storage::WriteOutcome> {
      KITH_ASSIGN_OR_RETURN(TimelineEvent event, read_event(record, now));
      users[text_of(record, "user")][event.id] = std::move(event);
      return storage::WriteOutcome::kAdded;
    };
    KITH_ASSIGN_OR_RETURN(const auto report, storage::import_records(files[file], {}, take));
    if (!report.bad_lines.empty()) {
      return Error{ErrorCode::kInvalidArgument, files[file].string() + ":" +
                                                    std::to_string(report.bad_lines[0].line) +
                                                    ": " + report.bad_lines[0].reason};
    }
    for (auto& [name, events] : users) {
      UserTimeline timeline{std::to_string(file) + "/" + name};
      timeline.is_test = base::hash_bytes(timeline.user) % 1000 < 300;
      for (auto& [id, event] : events) timeline.events.push_back(std::move(event));
      std::stable_sort(timeline.events.begin(), timeline.events.end(),
                       [](const auto& a, const auto& b) { return a.at < b.at; });
      timeline.events = timeline::without_bursts(std::move(timeline.events), kBurstSeconds);
      timelines.push_back(std::move(timeline));
    }
  }
  return timelines;
}

std::vector<NeedExample> need_examples(const std::vector<UserTimeline>& timelines,
                                       std::size_t history, std::size_t cuts) {
  std::vector<NeedExample> examples;
  for (const UserTimeline& timeline : timelines) {
    const auto moments = moments_of(timeline.events, history);
    const std::size_t taken = std::min(cuts, moments.size());
    for (std::size_t i = 0; i < taken; ++i) {
      const std::size_t at = moments[i * moments.size() / taken];
      const auto begin = timeline.events.begin() + static_cast<std::ptrdiff_t>(at - history);
      examples.push_back({timeline.user,
                          timeline.is_test,
                          {begin, begin + static_cast<std::ptrdiff_t>(history)},
                          need_of(timeline.events[at])});
    }
  }
  return examples;
}

std::string need_of(const TimelineEvent& event) {
  const auto found = event.categories.find("need");
  if (found == event.categories.end()) return {};
  std::string need = found->second;
  std::replace(need.begin(), need.end(), '_', ' ');
  return need;
}

std::string history_text(const NeedExample& example) {
  std::string text;
  for (const TimelineEvent& event : example.history) {
    text += event.kind;
    if (const std::string need = need_of(event); !need.empty()) text += " " + need;
    const auto priority = event.categories.find("priority");
    if (priority != event.categories.end()) text += " " + priority->second;
    if (event.number) text += " " + std::to_string(std::lround(*event.number));
    text += "\n";
  }
  return text;
}

std::string summary_text(const NeedExample& example) {
  constexpr std::size_t kNamed = 5;
  const Needs needs = needs_of(example.history);
  std::string text = "Most often:";
  const auto names = by_count(needs);
  for (std::size_t i = 0; i < std::min(kNamed, names.size()); ++i) {
    text += (i == 0 ? " " : ", ") + names[i];
  }
  return text + ". Last: " + needs.last + ".\n";
}

std::string favourite_need(const NeedExample& example) {
  const Needs needs = needs_of(example.history);
  for (const std::string& name : by_count(needs)) {
    if (name != needs.last) return name;
  }
  return {};
}

}  // namespace kith::eval
