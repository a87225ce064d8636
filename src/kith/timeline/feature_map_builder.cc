#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "kith/timeline/feature_map.h"
#include "kith/timeline/feature_values.h"

namespace kith::timeline {
namespace {

using storage::TimelineEvent;

// The inner edges of bins with equally many of the numbers; fewer where numbers repeat.
//   numbers: ascending
std::vector<double> quantile_edges(const std::vector<double>& numbers, int bins) {
  std::vector<double> edges;
  for (int bin = 1; bin < bins && !numbers.empty(); ++bin) {
    const auto place =
        numbers.size() * static_cast<std::size_t>(bin) / static_cast<std::size_t>(bins);
    const double edge = numbers[place];
    if (edge > numbers.front() && (edges.empty() || edge > edges.back())) edges.push_back(edge);
  }
  return edges;
}

}  // namespace

FeatureMapBuilder::FeatureMapBuilder(TimelineSchema schema, std::int64_t min_users)
    : schema_(std::move(schema)),
      min_users_(min_users),
      counts_(schema_.features.size()),
      numbers_(schema_.features.size()) {}

void FeatureMapBuilder::add(std::span<const TimelineEvent> events) {
  for (std::size_t feature = 0; feature < schema_.features.size(); ++feature) {
    const FeatureSpec& spec = schema_.features[feature];
    const bool is_hashed = spec.kind == FeatureKind::kHashed;
    for (const TimelineEvent& event : events) {
      if (spec.kind == FeatureKind::kNumber && event.number) {
        numbers_[feature].push_back({*event.number, num_users_});
      }
      if (spec.kind != FeatureKind::kCategory && !is_hashed) continue;
      const std::string_view text = text_of(spec, event);
      if (text.empty()) continue;
      Count& count =
          counts_[feature][is_hashed ? std::to_string(bucket_of(text, spec)) : std::string(text)];
      ++count.events;
      if (std::exchange(count.last_user, num_users_) != num_users_) ++count.users;
    }
  }
  ++num_users_;
}

// The most frequent values that enough users have, in the order of their counts and then of their
// bytes.
std::vector<std::string> FeatureMapBuilder::frequent_values(std::size_t feature) const {
  const FeatureSpec& spec = schema_.features[feature];
  std::vector<std::pair<std::int64_t, std::string>> ranked;
  for (const auto& [value, count] : counts_[feature]) {
    if (count.users < min_users_) continue;
    if (count.events >= spec.min_count) ranked.emplace_back(-count.events, value);
  }
  std::sort(ranked.begin(), ranked.end());
  if (ranked.size() > static_cast<std::size_t>(spec.size)) {
    ranked.resize(static_cast<std::size_t>(spec.size));
  }
  std::vector<std::string> values;
  for (auto& [count, value] : ranked) values.push_back(std::move(value));
  return values;
}

std::vector<double> FeatureMapBuilder::all_edges(std::size_t feature) const {
  std::vector<double> numbers;
  for (const Number& number : numbers_[feature]) numbers.push_back(number.value);
  std::sort(numbers.begin(), numbers.end());
  return quantile_edges(numbers, schema_.features[feature].size);
}

// Those that leave enough users in each bin: an edge goes if the bin below it has too few, or if
// all that is above it has.
std::vector<double> FeatureMapBuilder::shared_edges(std::size_t feature) const {
  const std::vector<double> edges = all_edges(feature);
  std::vector<std::set<std::int64_t>> users(edges.size() + 1);
  for (const Number& number : numbers_[feature]) {
    const auto bin = std::upper_bound(edges.begin(), edges.end(), number.value) - edges.begin();
    users[static_cast<std::size_t>(bin)].insert(number.user);
  }
  std::vector<double> kept;
  std::vector<std::set<std::int64_t>> merged(1);
  for (std::size_t bin = 0; bin < users.size(); ++bin) {
    merged.back().merge(users[bin]);
    const bool is_last = bin == edges.size();
    if (is_last || static_cast<std::int64_t>(merged.back().size()) < min_users_) continue;
    kept.push_back(edges[bin]);
    merged.emplace_back();
  }
  if (static_cast<std::int64_t>(merged.back().size()) < min_users_ && !kept.empty()) {
    kept.pop_back();
  }
  return kept;
}

FeatureMap FeatureMapBuilder::build() const {
  FeatureMap map(schema_);
  map.text_source_ = text_source_;
  for (std::size_t feature = 0; feature < schema_.features.size(); ++feature) {
    const FeatureSpec& spec = schema_.features[feature];
    if (spec.kind == FeatureKind::kCategory) map.values_[feature] = frequent_values(feature);
    if (spec.kind == FeatureKind::kNumber) map.edges_[feature] = shared_edges(feature);
    if (spec.kind != FeatureKind::kHashed || min_users_ <= 1) continue;
    map.known_buckets_[feature].resize(static_cast<std::size_t>(spec.size));
    for (const auto& [bucket, count] : counts_[feature]) {
      if (count.users >= min_users_) map.known_buckets_[feature][std::stoul(bucket)] = true;
    }
  }
  map.index_values();
  return map;
}

std::vector<WithheldValues> FeatureMapBuilder::withheld() const {
  std::vector<WithheldValues> all;
  for (std::size_t feature = 0; feature < schema_.features.size(); ++feature) {
    WithheldValues withheld{.feature = schema_.features[feature].name};
    for (const auto& [value, count] : counts_[feature]) {
      if (count.users >= min_users_) continue;
      ++withheld.values;
      withheld.events += count.events;
    }
    if (schema_.features[feature].kind == FeatureKind::kNumber) {
      withheld.values =
          static_cast<std::int64_t>(all_edges(feature).size() - shared_edges(feature).size());
    }
    if (withheld.values > 0) all.push_back(std::move(withheld));
  }
  return all;
}

}  // namespace kith::timeline
