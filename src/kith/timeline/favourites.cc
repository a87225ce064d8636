#include "kith/timeline/favourites.h"

#include <algorithm>

namespace kith::timeline {
namespace {

std::string value_of(const FeatureSpec& feature, const storage::TimelineEvent& event) {
  if (feature.source == FeatureSource::kKind) return event.kind;
  if (feature.source == FeatureSource::kItem) return event.item;
  if (feature.source != FeatureSource::kCategory) return {};
  const auto found = event.categories.find(feature.category);
  return found == event.categories.end() ? std::string() : found->second;
}

}  // namespace

Favourites favourites_of(std::span<const storage::PlacedEvent> events, const TimelineSchema& schema,
                         std::size_t most) {
  Favourites favourites;
  for (const FeatureSpec& feature : schema.features) {
    if (feature.kind != FeatureKind::kCategory && feature.kind != FeatureKind::kHashed) continue;
    std::map<std::string, std::int64_t> counts;
    for (const storage::PlacedEvent& placed : events) {
      std::string value = value_of(feature, placed.event);
      if (!value.empty()) ++counts[std::move(value)];
    }
    std::vector<std::pair<std::int64_t, std::string>> ranked;
    for (const auto& [value, count] : counts) ranked.emplace_back(-count, value);
    std::sort(ranked.begin(), ranked.end());
    if (ranked.size() > most) ranked.resize(most);
    for (auto& [count, value] : ranked) favourites[feature.name].push_back(std::move(value));
  }
  return favourites;
}

Favourites shared(const Favourites& a, const Favourites& b) {
  Favourites both;
  for (const auto& [feature, values] : a) {
    const auto other = b.find(feature);
    if (other == b.end()) continue;
    for (const std::string& value : values) {
      const auto& theirs = other->second;
      if (std::find(theirs.begin(), theirs.end(), value) != theirs.end()) {
        both[feature].push_back(value);
      }
    }
  }
  return both;
}

}  // namespace kith::timeline
