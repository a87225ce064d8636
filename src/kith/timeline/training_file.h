// Timelines as numbers, as kith-train reads them (kith/train/timeline_data.h): features.json and
// timelines.safetensors in a directory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "kith/base/result.h"
#include "kith/storage/timeline_store.h"
#include "kith/timeline/feature_map.h"

namespace kith::timeline {

// Collects the users' events in memory, four bytes a feature each. Not thread-safe; borrows the
// map.
class TrainingFileWriter {
 public:
  explicit TrainingFileWriter(const FeatureMap& map) : map_(map) {}

  // Events of one more user, oldest first; bursts are taken out.
  void add(std::vector<storage::TimelineEvent> events);

  std::size_t num_users() const { return offsets_.size() - 1; }
  std::size_t num_events() const { return static_cast<std::size_t>(offsets_.back()); }

  // Errors: kUnavailable if the directory cannot be made or written.
  Status save(const std::filesystem::path& directory) const;

 private:
  const FeatureMap& map_;
  std::vector<std::int64_t> offsets_{0};  // [users + 1]
  std::vector<std::int32_t> ids_;         // [events, features]
};

// How often each id of each feature stands in a file that TrainingFileWriter::save() wrote.
//   returns: [map.num_features()][map.num_ids(feature)]
// Errors: kNotFound; kInvalidArgument for a file that does not fit the map.
Result<std::vector<std::vector<std::int64_t>>> count_ids(const std::filesystem::path& directory,
                                                         const FeatureMap& map);

}  // namespace kith::timeline
