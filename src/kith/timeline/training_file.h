// Timelines as numbers, as kith-train reads them (kith/train/timeline_data.h): features.json and
// timelines.safetensors in a directory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kith/base/result.h"
#include "kith/storage/timeline_store.h"
#include "kith/timeline/event_texts.h"
#include "kith/timeline/feature_map.h"

namespace kith::timeline {

// Collects the users' events in memory, four bytes a feature each, and every text once. Not
// thread-safe; borrows the map and the text encoder.
class TrainingFileWriter {
 public:
  // texts: may be null for a map without a text source.
  explicit TrainingFileWriter(const FeatureMap& map, const EventTexts* texts = nullptr)
      : map_(map), texts_(texts), text_features_(map.text_features()) {}

  // Events of one more user, oldest first; bursts are taken out.
  void add(std::vector<storage::TimelineEvent> events);

  std::size_t num_users() const { return offsets_.size() - 1; }
  std::size_t num_events() const { return static_cast<std::size_t>(offsets_.back()); }

  // Errors: kInvalidArgument if the text encoder is not the map's; those of the encoder;
  // kUnavailable
  //   if the directory cannot be made or written.
  Status save(const std::filesystem::path& directory) const;

 private:
  Result<std::vector<std::uint16_t>> encode_texts() const;
  std::int32_t row_of(std::string_view text);

  const FeatureMap& map_;
  const EventTexts* texts_;
  std::vector<std::size_t> text_features_;
  std::vector<std::int64_t> offsets_{0};                // [users + 1]
  std::vector<std::int32_t> ids_;                       // [events, features]
  std::vector<std::int32_t> text_rows_;                 // [events, text features]; -1: no text
  std::unordered_map<std::string, std::int32_t> rows_;  // of each text in the table
  std::vector<std::string> ordered_texts_;              // [rows]
};

// How often each id of each feature stands in a file that TrainingFileWriter::save() wrote.
//   returns: [map.num_features()][map.num_ids(feature)]
// Errors: kNotFound; kInvalidArgument for a file that does not fit the map.
Result<std::vector<std::vector<std::int64_t>>> count_ids(const std::filesystem::path& directory,
                                                         const FeatureMap& map);

}  // namespace kith::timeline
