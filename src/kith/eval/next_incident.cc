#include "kith/eval/next_incident.h"

#include <functional>
#include <unordered_map>
#include <utility>

namespace kith::eval {
namespace {

using storage::TimelineEvent;

TimelineEvent call_of(const Incident& incident) {
  TimelineEvent event;
  event.at = incident.opened_at;
  event.kind = "call";
  event.categories = {{"opened_by", incident.opened_by},
                      {"contact_type", incident.contact_type},
                      {"location", incident.location}};
  return event;
}

TimelineEvent ticket_of(const Incident& incident) {
  TimelineEvent event;
  event.at = incident.opened_at;
  event.kind = "ticket";
  event.categories = {{"category", incident.category},
                      {"subcategory", incident.subcategory},
                      {"symptom", incident.symptom},
                      {"priority", incident.priority},
                      {"group", incident.group}};
  return event;
}

timeline::FeatureSpec category(const std::string& name, int min_count, double predict) {
  timeline::FeatureSpec spec;
  spec.name = name;
  spec.source =
      name == "kind" ? timeline::FeatureSource::kKind : timeline::FeatureSource::kCategory;
  if (name != "kind") spec.category = name;
  spec.size = 5000;
  spec.min_count = min_count;
  spec.predict = predict;
  return spec;
}

const std::string& value_of(const Incident& incident, const std::string& target) {
  return target == "group" ? incident.group : incident.category;
}

// Numbers for the values of a target, from training incidents alone.
class Values {
 public:
  Values(std::span<const Incident> training, const std::string& target) {
    for (const Incident& incident : training) {
      const std::string& value = value_of(incident, target);
      if (!value.empty()) numbers_.emplace(value, numbers_.size());
    }
  }
  std::size_t size() const { return numbers_.size(); }
  // size() for one that no training incident had.
  std::size_t operator()(const std::string& value) const {
    const auto found = numbers_.find(value);
    return found == numbers_.end() ? size() : found->second;
  }

 private:
  std::unordered_map<std::string, std::size_t> numbers_;
};

// What came, by what was there.
using Counts = std::unordered_map<std::string, std::vector<double>>;

void count(Counts& counts, const std::string& key, std::size_t value, std::size_t size) {
  auto& row = counts[key];
  row.resize(size, 0.0);
  if (value < size) row[value] += 1.0;
}

// Adds weight * the row's shares, held towards nothing by five counts.
void add_shares(const Counts& counts, const std::string& key, double weight,
                std::vector<float>& scores) {
  const auto found = counts.find(key);
  if (found == counts.end()) return;
  double total = 5.0;
  for (const double n : found->second) total += n;
  for (std::size_t i = 0; i < found->second.size(); ++i) {
    scores[i] += static_cast<float>(weight * found->second[i] / total);
  }
}

struct Tables {
  std::vector<float> popularity;
  Counts followers;  // by the caller's last value
  Counts openers;    // by who takes the call
};

Tables count_tables(std::span<const Incident> training, const std::string& target,
                    const Values& values) {
  Tables tables;
  tables.popularity.resize(values.size(), 0.0F);
  std::unordered_map<std::string, std::string> last;
  for (const Incident& incident : training) {
    const std::string& value = value_of(incident, target);
    if (value.empty()) continue;
    const std::size_t number = values(value);
    tables.popularity[number] += 1.0F / static_cast<float>(training.size());
    count(tables.openers, incident.opened_by, number, values.size());
    const auto before = last.find(incident.caller);
    if (before != last.end()) count(tables.followers, before->second, number, values.size());
    last[incident.caller] = value;
  }
  return tables;
}

using History = std::vector<std::string>;

void add_own(const History& history, double weight, const Values& values,
             std::vector<float>& scores) {
  for (const std::string& value : history) {
    const std::size_t number = values(value);
    if (number < scores.size()) scores[number] += static_cast<float>(weight);
  }
}

// How much the own history counts beside a table's shares: its own shares, times so much.
struct Mixture {
  double own = 0.0;
  double table = 0.0;
};

std::vector<float> mixed(const Tables& tables, const Counts& table, const std::string& key,
                         const History& history, const Values& values, const Mixture& mixture) {
  std::vector<float> scores = tables.popularity;
  add_own(history, mixture.own / (static_cast<double>(history.size()) + 1.0), values, scores);
  add_shares(table, key, mixture.table, scores);
  return scores;
}

// Calls visit(incident, the caller's values before) for each case from `first` on.
void for_each_case(std::span<const Incident> incidents, std::size_t first,
                   const std::string& target,
                   const std::function<void(const Incident&, const History&)>& visit) {
  std::unordered_map<std::string, History> histories;
  std::unordered_map<std::string, int> before;
  for (std::size_t i = 0; i < incidents.size(); ++i) {
    const Incident& incident = incidents[i];
    const std::string& value = value_of(incident, target);
    History& history = histories[incident.caller];
    if (i >= first && before[incident.caller] > 0 && !value.empty()) visit(incident, history);
    ++before[incident.caller];
    if (!value.empty()) history.push_back(value);
  }
}

std::size_t rank_value(const std::vector<float>& scores, std::size_t right) {
  return right < scores.size() ? rank_of(scores, right) : scores.size();
}

const std::string& last_of(const History& history) {
  static const std::string kNone;
  return history.empty() ? kNone : history.back();
}

Ranks rank_mixture(std::span<const Incident> incidents, std::size_t first,
                   const std::string& target, bool by_opener, const Mixture& mixture) {
  const auto training = incidents.first(first);
  const Values values(training, target);
  const Tables tables = count_tables(training, target, values);
  Ranks ranks;
  for_each_case(incidents, first, target, [&](const Incident& incident, const History& history) {
    const auto scores =
        mixed(tables, by_opener ? tables.openers : tables.followers,
              by_opener ? incident.opened_by : last_of(history), history, values, mixture);
    ranks.add(rank_value(scores, values(value_of(incident, target))), kTopValues);
  });
  return ranks;
}

Mixture best_mixture(const IncidentSplit& split, const std::string& target, bool by_opener) {
  const auto training = std::span(split.incidents).first(split.first_test);
  const std::size_t first = training.size() - training.size() / 5;
  Mixture best;
  double best_rate = -1.0;
  for (const double own : {0.0, 0.5, 1.0, 2.0, 5.0}) {
    for (const double table : {0.5, 1.0, 2.0, 4.0}) {
      const Mixture mixture{own, table};
      const double rate = rank_mixture(training, first, target, by_opener, mixture).hit_rate();
      if (rate <= best_rate) continue;
      best_rate = rate;
      best = mixture;
    }
  }
  return best;
}

}  // namespace

IncidentSplit split_incidents(std::vector<Incident> incidents) {
  IncidentSplit split{std::move(incidents), 0};
  split.first_test = split.incidents.size() - split.incidents.size() / 5;
  // Incidents of one minute stand on one side.
  while (split.first_test > 0 && split.first_test < split.incidents.size() &&
         split.incidents[split.first_test].opened_at ==
             split.incidents[split.first_test - 1].opened_at) {
    --split.first_test;
  }
  return split;
}

timeline::TimelineSchema incident_schema() {
  timeline::TimelineSchema schema;
  schema.name = "incidents";
  schema.features = {
      category("kind", 1, 0.0),     category("opened_by", 3, 0.0), category("contact_type", 3, 0.0),
      category("location", 3, 0.0), category("category", 1, 1.0),  category("subcategory", 3, 0.3),
      category("symptom", 5, 0.0),  category("priority", 3, 0.0),  category("group", 1, 1.0)};
  timeline::FeatureSpec gap;
  gap.name = "gap";
  gap.kind = timeline::FeatureKind::kGap;
  gap.source = timeline::FeatureSource::kTime;
  schema.features.push_back(gap);
  for (const auto unit : {timeline::CalendarUnit::kHour, timeline::CalendarUnit::kWeekday}) {
    timeline::FeatureSpec spec;
    spec.name = unit == timeline::CalendarUnit::kHour ? "hour" : "weekday";
    spec.kind = timeline::FeatureKind::kCalendar;
    spec.source = timeline::FeatureSource::kTime;
    spec.unit = unit;
    schema.features.push_back(spec);
  }
  return schema;
}

Timelines training_timelines(const IncidentSplit& split) {
  Timelines timelines;
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < split.first_test; ++i) {
    const Incident& incident = split.incidents[i];
    const auto place = places.emplace(incident.caller, timelines.size()).first->second;
    if (place == timelines.size()) timelines.emplace_back();
    timelines[place].push_back(call_of(incident));
    timelines[place].push_back(ticket_of(incident));
  }
  return timelines;
}

IncidentCases count_incidents(const IncidentSplit& split, const std::string& target) {
  const std::span<const Incident> incidents(split.incidents);
  const Values values(incidents.first(split.first_test), target);
  const Tables tables = count_tables(incidents.first(split.first_test), target, values);
  IncidentCases made;
  std::unordered_map<std::string, std::size_t> callers;
  for_each_case(
      incidents, split.first_test, target, [&](const Incident& incident, const History& history) {
        made.callers.push_back(callers.emplace(incident.caller, callers.size()).first->second);
        const std::size_t right = values(value_of(incident, target));
        const auto add = [&](const char* name, const std::vector<float>& scores) {
          made.ranks[name].add(rank_value(scores, right), kTopValues);
        };
        add("popularity", tables.popularity);
        auto own = tables.popularity;
        add_own(history, 2.0, values, own);
        add("own_history", own);
        auto last = tables.popularity;
        add_own({last_of(history)}, 2.0, values, last);
        add("repeat_last", last);
      });
  for (const bool by_opener : {false, true}) {
    made.ranks[by_opener ? "opener" : "markov"] = rank_mixture(
        incidents, split.first_test, target, by_opener, best_mixture(split, target, by_opener));
  }
  return made;
}

namespace {

// One pass over the log with the events of each caller so far.
class IncidentRanker {
 public:
  IncidentRanker(const IncidentSplit& split, timeline::EventEncoder& encoder)
      : split_(split), encoder_(encoder) {}

  Result<IncidentRanks> run() {
    for (const char* target : kIncidentTargets) {
      KITH_ASSIGN_OR_RETURN(const std::size_t feature, encoder_.map().find(target));
      features_.emplace_back(target, feature);
    }
    // Whose history stands in for another's: the callers in the order of their last incident.
    const std::vector<TimelineEvent>* other = nullptr;
    for (std::size_t i = 0; i < split_.incidents.size(); ++i) {
      const Incident& incident = split_.incidents[i];
      auto& history = histories_[incident.caller];
      if (i >= split_.first_test && !history.empty()) {
        KITH_RETURN_IF_ERROR(add(incident, history, ranks_.own));
        if (other == nullptr || other == &history) other = any_but(history);
        KITH_RETURN_IF_ERROR(add(incident, *other, ranks_.shuffled_user));
        other = &history;
      }
      history.push_back(call_of(incident));
      history.push_back(ticket_of(incident));
    }
    return std::move(ranks_);
  }

 private:
  using Histories = std::unordered_map<std::string, std::vector<TimelineEvent>>;

  const std::vector<TimelineEvent>* any_but(const std::vector<TimelineEvent>& history) const {
    for (const auto& [caller, events] : histories_) {
      if (&events != &history && !events.empty()) return &events;
    }
    return &history;
  }

  Status add(const Incident& incident, const std::vector<TimelineEvent>& history,
             std::map<std::string, Ranks>& to) {
    KITH_ASSIGN_OR_RETURN(timeline::EventState state, encoder_.start());
    KITH_RETURN_IF_ERROR(encoder_.append(state, history));
    const TimelineEvent call = call_of(incident);
    KITH_RETURN_IF_ERROR(encoder_.append(state, {&call, 1}));
    const TimelineEvent ticket = ticket_of(incident);
    std::vector<std::int32_t> ids(encoder_.map().num_features());
    encoder_.map().encode(ticket, call.at, ids);
    for (const auto& [target, feature] : features_) {
      if (value_of(incident, target).empty()) continue;
      const auto scores = encoder_.scores(state, feature);
      const auto values = std::span(scores).subspan(timeline::kFirstValue);
      const std::int32_t id = ids[feature] - timeline::kFirstValue;
      const std::size_t rank =
          id < 0 ? values.size() : rank_of(values, static_cast<std::size_t>(id));
      to[target].add(rank, kTopValues);
    }
    return {};
  }

  const IncidentSplit& split_;
  timeline::EventEncoder& encoder_;
  std::vector<std::pair<std::string, std::size_t>> features_;
  Histories histories_;
  IncidentRanks ranks_;
};

}  // namespace

Result<IncidentRanks> rank_incidents(const IncidentSplit& split, timeline::EventEncoder& encoder) {
  return IncidentRanker(split, encoder).run();
}

}  // namespace kith::eval
