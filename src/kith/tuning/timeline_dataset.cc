#include "kith/tuning/timeline_dataset.h"

#include <algorithm>
#include <array>
#include <iomanip>
#include <sstream>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/new_directory.h"
#include "kith/storage/digest.h"
#include "kith/timeline/training_file.h"

namespace kith::tuning {
namespace {

namespace fs = std::filesystem;
using base::Json;
using base::OrderedJson;
using storage::TimelineEvent;

constexpr const char* kValidation = "valid.jsonl";
constexpr const char* kCard = "card.json";

OrderedJson event_json(const TimelineEvent& event) {
  OrderedJson json{{"at", event.at}, {"kind", event.kind}, {"item", event.item}};
  OrderedJson categories = OrderedJson::object();
  for (const auto& [name, value] : event.categories) categories[name] = value;
  json["categories"] = std::move(categories);
  if (event.number) json["number"] = *event.number;
  json["text"] = event.text;
  return json;
}

Result<TimelineEvent> parse_event(const Json& json) {
  const Error damaged{ErrorCode::kInvalidArgument, "an event of the validation data is damaged"};
  if (!json.is_object()) return damaged;
  TimelineEvent event;
  KITH_ASSIGN_OR_RETURN(const auto at, base::read_integer(json, "at"));
  KITH_ASSIGN_OR_RETURN(auto kind, base::read_string(json, "kind"));
  KITH_ASSIGN_OR_RETURN(auto item, base::read_string(json, "item"));
  KITH_ASSIGN_OR_RETURN(auto text, base::read_string(json, "text"));
  KITH_ASSIGN_OR_RETURN(event.number, base::read_number(json, "number"));
  const auto categories = json.find("categories");
  if (!at || !kind || !item || !text || categories == json.end() || !categories->is_object()) {
    return damaged;
  }
  event.at = *at;
  event.kind = *std::move(kind);
  event.item = *std::move(item);
  event.text = *std::move(text);
  for (auto member = categories->begin(); member != categories->end(); ++member) {
    if (!member->is_string()) return damaged;
    event.categories.emplace(member.key(), member->get<std::string>());
  }
  return event;
}

std::string validation_lines(const TimelineSelection& selection) {
  std::string lines;
  std::size_t unit = 0;
  for (const SelectedTimeline& timeline : selection.timelines) {
    if (timeline.trains) continue;
    OrderedJson events = OrderedJson::array();
    for (const TimelineEvent& event : timeline.events) events.push_back(event_json(event));
    lines += base::dump_json(OrderedJson{{"unit", ++unit}, {"events", std::move(events)}}) + "\n";
  }
  return lines;
}

Result<std::string> hash_files(const fs::path& directory) {
  std::string hashes;
  for (const char* name : {"features.json", "timelines.safetensors", kValidation}) {
    KITH_ASSIGN_OR_RETURN(const std::string bytes, base::read_file(directory / name));
    hashes += storage::digest({name, bytes});
  }
  return storage::digest({hashes});
}

struct Dropped {
  std::int64_t users = 0;
  std::int64_t events = 0;
};

std::array<Dropped, kNumTimelineDropReasons> count_dropped(const TimelineSelection& selection) {
  std::array<Dropped, kNumTimelineDropReasons> counts{};
  for (const DroppedTimeline& dropped : selection.dropped) {
    Dropped& count = counts[static_cast<std::size_t>(dropped.reason)];
    ++count.users;
    count.events += dropped.events;
  }
  return counts;
}

OrderedJson dropped_json(const TimelineSelection& selection) {
  const auto counts = count_dropped(selection);
  OrderedJson by_reason = OrderedJson::object();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i].users == 0) continue;
    by_reason[std::string(to_string(static_cast<TimelineDropReason>(i)))] = {
        {"users", counts[i].users}, {"events", counts[i].events}};
  }
  OrderedJson rows = OrderedJson::array();
  for (const DroppedTimeline& dropped : selection.dropped) {
    rows.push_back({{"user", dropped.user},
                    {"events", dropped.events},
                    {"reason", to_string(dropped.reason)}});
  }
  return {{"burst_events", selection.num_burst_events},
          {"capped_events", selection.num_capped_events},
          {"by_reason", by_reason},
          {"users", rows}};
}

double largest_share(const TimelineSelection& selection) {
  std::size_t most = 0;
  for (const SelectedTimeline& timeline : selection.timelines) {
    if (timeline.trains) most = std::max(most, timeline.events.size());
  }
  return static_cast<double>(most) / static_cast<double>(selection.num_events(true));
}

OrderedJson withheld_json(const TimelineSelection& selection) {
  OrderedJson rows = OrderedJson::array();
  for (const auto& withheld : selection.withheld) {
    rows.push_back(
        {{"feature", withheld.feature}, {"values", withheld.values}, {"events", withheld.events}});
  }
  return rows;
}

std::string card_json(const FittedSelection& fitted, const TimelineOptions& options,
                      const std::string& data_hash) {
  const TimelineSelection& selection = fitted.selection;
  const auto& map = fitted.map;
  OrderedJson features = OrderedJson::array();
  for (std::size_t i = 0; i < map.num_features(); ++i) {
    features.push_back({{"name", map.schema().features[i].name}, {"ids", map.num_ids(i)}});
  }
  const OrderedJson json{
      {"schema", 1},
      {"timeline_schema", map.schema().name},
      {"data_hash", data_hash},
      {"map", map.version()},
      {"users",
       {{"with_events", selection.num_users},
        {"training", selection.count(true)},
        {"validation", selection.count(false)}}},
      {"events",
       {{"training", selection.num_events(true)}, {"validation", selection.num_events(false)}}},
      {"features", features},
      {"text_encoder", map.text_source().hash},
      {"withheld", withheld_json(selection)},
      {"cap",
       {{"asked", options.cap.max_share},
        {"share", selection.cap.share},
        {"relaxed", selection.cap.is_relaxed},
        {"largest_share", largest_share(selection)},
        {"capped_users", selection.cap.num_capped},
        {"effective_users", selection.cap.effective_users}}},
      {"dropped", dropped_json(selection)},
      {"options",
       {{"min_users", options.min_users},
        {"min_value_users", options.min_value_users},
        {"validation_users", options.validation_users}}}};
  return json.dump(1) + "\n";
}

void write_left_out(const TimelineSelection& selection, std::ostringstream& out) {
  out << "\n## Left out\n\n";
  const auto counts = count_dropped(selection);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i].users == 0) continue;
    out << "- " << counts[i].users << " users with " << counts[i].events
        << " events: " << explain(static_cast<TimelineDropReason>(i)) << "\n";
  }
  out << "- " << selection.num_burst_events << " events that repeat the one before (bursts)\n"
      << "- " << selection.num_capped_events << " oldest events of users above the cap\n";
}

std::string card_markdown(const FittedSelection& fitted, const TimelineOptions& options,
                          const std::string& data_hash) {
  const TimelineSelection& selection = fitted.selection;
  std::ostringstream out;
  out << "# Training data of the user encoder\n\nSchema: " << fitted.map.schema().name
      << ".\n\n| part | users | events |\n|---|---|---|\n| training | " << selection.count(true)
      << " | " << selection.num_events(true) << " |\n| validation | " << selection.count(false)
      << " | " << selection.num_events(false)
      << " |\n\nValidation users never train.\n\n## Weight of users\n\n"
      << std::fixed << std::setprecision(2) << "No user has more than "
      << 100.0 * largest_share(selection) << " % of the events (asked: at most "
      << 100.0 * options.cap.max_share << " %"
      << (selection.cap.is_relaxed ? ", which so few users cannot all keep" : "") << "); "
      << selection.cap.num_capped << " users are held to the cap.\n\n## Values of too few users\n\n"
      << "What fewer than " << options.min_value_users
      << " users have is unknown to the encoder.\n\n";
  for (const auto& withheld : selection.withheld) {
    out << "- " << withheld.feature << ": " << withheld.values << " values, " << withheld.events
        << " events\n";
  }
  if (selection.withheld.empty()) out << "Nothing was withheld.\n";
  write_left_out(selection, out);
  out << "\nHash of the data: `" << data_hash << "`. At least " << options.min_users
      << " users must train an encoder.\n";
  return out.str();
}

}  // namespace

Result<TimelineCard> write_timelines(const FittedSelection& fitted, const TimelineOptions& options,
                                     const timeline::EventTexts* texts, const fs::path& directory) {
  KITH_ASSIGN_OR_RETURN(auto target, base::NewDirectory::create(directory, kCard));
  timeline::TrainingFileWriter writer(fitted.map, texts);
  for (const SelectedTimeline& timeline : fitted.selection.timelines) {
    if (timeline.trains) writer.add(timeline.events);
  }
  KITH_RETURN_IF_ERROR(writer.save(target.path()));
  KITH_RETURN_IF_ERROR(base::write_file_atomically(target.path() / kValidation,
                                                   validation_lines(fitted.selection), 0600));
  TimelineCard card;
  KITH_ASSIGN_OR_RETURN(card.data_hash, hash_files(target.path()));
  card.json = card_json(fitted, options, card.data_hash);
  card.markdown = card_markdown(fitted, options, card.data_hash);
  KITH_RETURN_IF_ERROR(base::write_file_atomically(target.path() / kCard, card.json, 0600));
  KITH_RETURN_IF_ERROR(base::write_file_atomically(target.path() / "card.md", card.markdown, 0600));
  KITH_RETURN_IF_ERROR(target.commit());
  return card;
}

Result<std::vector<std::vector<TimelineEvent>>> read_validation(const fs::path& directory) {
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(directory / kValidation));
  std::vector<std::vector<TimelineEvent>> users;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    KITH_ASSIGN_OR_RETURN(const Json json, base::parse_json(line));
    const auto events = json.is_object() ? json.find("events") : json.end();
    if (!json.is_object() || events == json.end() || !events->is_array()) {
      return Error{ErrorCode::kInvalidArgument, "the validation data is damaged"};
    }
    users.emplace_back();
    for (const Json& item : *events) {
      KITH_ASSIGN_OR_RETURN(TimelineEvent event, parse_event(item));
      users.back().push_back(std::move(event));
    }
  }
  return users;
}

}  // namespace kith::tuning
