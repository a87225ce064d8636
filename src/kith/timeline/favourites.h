// What a user did most, by feature, and what two users have in common: the reasons that are shown
// for why they are near to each other. The vectors decide who is near, not these.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "kith/storage/timeline_store.h"
#include "kith/timeline/schema.h"

namespace kith::timeline {

// By feature, those met most first.
using Favourites = std::map<std::string, std::vector<std::string>>;

// At most `most` values of each feature that has names (category, hashed), equal counts in the
// order of their bytes.
Favourites favourites_of(std::span<const storage::PlacedEvent> events, const TimelineSchema& schema,
                         std::size_t most);

// Values that are in both, in the order of `a`; features without any are left out.
Favourites shared(const Favourites& a, const Favourites& b);

}  // namespace kith::timeline
