#include "kith/timeline/feature_values.h"

#include "kith/base/fingerprint.h"

namespace kith::timeline {

using storage::TimelineEvent;

std::string_view text_of(const FeatureSpec& spec, const TimelineEvent& event) {
  switch (spec.source) {
    case FeatureSource::kKind:
      return event.kind;
    case FeatureSource::kItem:
      return event.item;
    case FeatureSource::kText:
      return event.text;
    case FeatureSource::kCategory: {
      const auto found = event.categories.find(spec.category);
      return found == event.categories.end() ? std::string_view() : found->second;
    }
    default:
      return {};
  }
}

std::uint64_t bucket_of(std::string_view text, const FeatureSpec& spec) {
  return base::hash_bytes(text) % static_cast<std::uint64_t>(spec.size);
}

}  // namespace kith::timeline
