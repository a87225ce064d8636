// Where an event's values stand: what map and builder of the features both read.
#pragma once

#include <cstdint>
#include <string_view>

#include "kith/storage/timeline_store.h"
#include "kith/timeline/schema.h"

namespace kith::timeline {

// The value of a text-like source; empty: missing. A view of the event.
std::string_view text_of(const FeatureSpec& spec, const storage::TimelineEvent& event);

// Of a kHashed feature, in [0, spec.size).
std::uint64_t bucket_of(std::string_view text, const FeatureSpec& spec);

}  // namespace kith::timeline
