// A tiny random encoder for tests: three layers that look back 21 events, 97 ids.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "kith/base/json.h"
#include "kith/base/rng.h"
#include "kith/model/test_model.h"
#include "kith/storage/timeline_store.h"
#include "kith/timeline/feature_map.h"

namespace kith::timeline {

// Writes what `kith-train train timeline` leaves, with random weights by `seed`. The item is one of
// 60 names "item 0" ..., of which those that are seen often have an id; the rest of the 97 ids are
// hashed kinds and the gap.
inline void write_tiny_encoder(const std::filesystem::path& dir, std::uint64_t seed) {
  model::write_tiny_model(dir, seed, model::TinyFamily::kMistral);
  std::string config = model::tiny_config_json(model::TinyFamily::kMistral);
  const std::string from = "\"max_position_embeddings\":128";
  const auto at = config.find(from);
  ASSERT_NE(at, std::string::npos);
  config.replace(at, from.size(), "\"max_position_embeddings\":16384");
  model::write_text(dir / "config.json", config);
  const auto schema = parse_schema(
      "name = \"t\"\nburst_seconds = 1\n[[feature]]\nname = \"item\"\ntype = "
      "\"category\"\nmax_values = 48\npredict = 1\n"
      "[[feature]]\nname = \"gap\"\ntype = \"gap\"\n"
      "[[feature]]\nname = \"kind\"\ntype = \"hashed\"\nbuckets = 16\n",
      "t");
  ASSERT_TRUE(schema) << schema.error().message;
  FeatureMapBuilder builder(*schema);
  std::vector<storage::TimelineEvent> events;
  for (int i = 0; i < 48; ++i) {
    storage::TimelineEvent event;
    event.at = i * 10'000'000LL;
    event.item = "item " + std::to_string(i);
    events.push_back(event);
  }
  builder.add(events);
  model::write_text(dir / "features.json", base::dump_json(builder.build().to_json()));
}

// One with a time of seconds `at_seconds`.
inline storage::UserEvent random_event(base::Rng& rng, const UserId& user,
                                       std::int64_t at_seconds) {
  storage::UserEvent row;
  row.user = user;
  row.event.at = at_seconds * 1'000'000;
  row.event.received_at = row.event.at;
  row.event.id = std::to_string(rng.below(1'000'000'000));
  row.event.item = "item " + std::to_string(rng.below(60));
  row.event.kind = rng.below(3) == 0 ? "view" : "click";
  return row;
}

}  // namespace kith::timeline
