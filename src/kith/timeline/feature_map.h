// From events to numbers: the vocabulary, buckets and bins of every feature of a schema, fitted on
// training events once and kept with the encoder that was trained on them.
//
// A value becomes an id. Id 0 stands for a feature that the event does not have, id 1 for a value
// that no training event had, and the values begin at 2. So an encoder reads events whose features
// are missing, and items that came after it was trained.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/result.h"
#include "kith/storage/timeline_store.h"
#include "kith/timeline/schema.h"

namespace kith::timeline {

inline constexpr std::int32_t kMissing = 0;
inline constexpr std::int32_t kUnknown = 1;
inline constexpr std::int32_t kFirstValue = 2;

// Bins of a gap: [0, 1 s), [1, 2), [2, 4), ... up to two years, and longer. A clock that went back
// makes a gap of 0.
inline constexpr int kGapBins = 27;

// Whose vectors the text features are; no dimensions: only whether there is a text is read.
struct TextSource {
  std::string hash;  // EventTexts::hash()
  int dimensions = 0;

  friend bool operator==(const TextSource&, const TextSource&) = default;
};

// Immutable; thread-safe.
class FeatureMap {
 public:
  FeatureMap(FeatureMap&&) = default;
  FeatureMap& operator=(FeatureMap&&) = default;
  FeatureMap(const FeatureMap&) = delete;
  FeatureMap& operator=(const FeatureMap&) = delete;

  // What to_json() wrote. Errors: kInvalidArgument naming the member.
  static Result<FeatureMap> from_json(const nlohmann::json& json);
  // {"name", "burst_seconds", "text_encoder": {"hash", "dimensions"}?, "features": [{"name",
  // "type", ..., "num_ids", "values", "edges" or "buckets"}]}; the trainer reads each feature's
  // name, num_ids and predict.
  nlohmann::json to_json() const;

  const TimelineSchema& schema() const { return schema_; }
  std::size_t num_features() const { return schema_.features.size(); }
  // Whose vectors of texts the encoder was trained on.
  const TextSource& text_source() const { return text_source_; }
  // The features that are texts with vectors, ascending.
  std::vector<std::size_t> text_features() const;
  // Ids of a feature, those of missing and unknown included; of a text, one more says that there is
  // one, and behind it stands one for each dimension of its vector: the rows of a linear map.
  std::int32_t num_ids(std::size_t feature) const;
  // The value behind an id of a kCategory; empty for missing and unknown.
  // REQUIRES: 0 <= id < num_ids(feature).
  std::string_view value(std::size_t feature, std::int32_t id) const;
  // Index of the feature of that name. Errors: kNotFound.
  Result<std::size_t> find(std::string_view name) const;

  // The ids of an event; that of a text is kMissing or, if there is one, kFirstValue.
  //   before: when the user's event before happened; no value for the first
  //   ids: [num_features()]
  void encode(const storage::TimelineEvent& event, std::optional<base::UnixMicros> before,
              std::span<std::int32_t> ids) const;

  // A hash of everything that decides ids: vectors made with another map must not be compared.
  std::string version() const;

 private:
  friend class FeatureMapBuilder;

  explicit FeatureMap(TimelineSchema schema);
  void index_values();
  std::int32_t encode_value(std::size_t feature, const storage::TimelineEvent& event) const;

  TimelineSchema schema_;
  TextSource text_source_;
  std::vector<std::vector<std::string>> values_;  // [features]: those of id 2, 3, ...
  std::vector<std::vector<double>> edges_;        // [features]: inner edges of bins, ascending
  // [features]: of a kHashed the buckets that enough users fall into; empty: all of them.
  std::vector<std::vector<bool>> known_buckets_;
  std::vector<std::unordered_map<std::string_view, std::int32_t>> ids_;  // views of values_
};

// What too few users did to be learned, of one feature.
struct WithheldValues {
  std::string feature;
  // Values of a category, buckets of a hashed feature; of a number the bins that became part of a
  // wider one.
  std::int64_t values = 0;
  // Events that have such a value; of a number 0, as all of them keep a bin.
  std::int64_t events = 0;

  friend bool operator==(const WithheldValues&, const WithheldValues&) = default;
};

// Counts values, then makes the map. Not thread-safe.
class FeatureMapBuilder {
 public:
  // min_users: k of k-anonymity, >= 1. A value that fewer users have is unknown to the map, a
  // bucket that fewer users fall into as well, and a bin with fewer users is part of its neighbour.
  explicit FeatureMapBuilder(TimelineSchema schema, std::int64_t min_users = 1);

  // Without one, texts are only there or missing.
  void set_text_source(TextSource source) { text_source_ = std::move(source); }

  // All events of one user, oldest first, of which only training ones should be given.
  void add(std::span<const storage::TimelineEvent> events);

  // Values of equal counts stand in the order of their bytes, so equal events give an equal map.
  FeatureMap build() const;
  // Of each feature that withholds something because of `min_users`.
  std::vector<WithheldValues> withheld() const;

 private:
  struct Count {
    std::int64_t events = 0;
    std::int64_t users = 0;
    std::int64_t last_user = -1;
  };
  struct Number {
    double value;
    std::int64_t user;
  };

  std::vector<std::string> frequent_values(std::size_t feature) const;
  std::vector<double> all_edges(std::size_t feature) const;
  std::vector<double> shared_edges(std::size_t feature) const;

  TimelineSchema schema_;
  TextSource text_source_;
  std::int64_t min_users_;
  std::int64_t num_users_ = 0;
  std::vector<std::unordered_map<std::string, Count>> counts_;  // [features]: buckets by number
  std::vector<std::vector<Number>> numbers_;                    // [features]
};

// Events without the ones that a burst repeats (TimelineSchema::burst_seconds).
std::vector<storage::TimelineEvent> without_bursts(std::vector<storage::TimelineEvent> events,
                                                   int burst_seconds);

// Whether `event` is part of the burst that `before` began or carried on.
bool continues_burst(const storage::TimelineEvent& before, const storage::TimelineEvent& event,
                     int burst_seconds);

}  // namespace kith::timeline
