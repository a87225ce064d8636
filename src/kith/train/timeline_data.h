// Timelines as numbers on disk, and windows of them in a random order that can be taken up again.
//
// A directory holds `features.json` (a FeatureMap of kith/timeline, of which training reads each
// feature's number of ids and its weight in the loss) and `timelines.safetensors`:
//   offsets  I64 [users + 1]: events of user u are [offsets[u], offsets[u + 1])
//   ids      I32 [events, features], oldest first: 0 missing, 1 unknown, 2 and up values
// and, if features are texts with vectors:
//   texts      F16 [texts, dimensions]
//   text_rows  I32 [events, text features]: which of them the event has, -1 none
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/train/packing.h"

namespace kith::train {

struct TimelineFeature {
  std::string name;
  std::int64_t num_ids = 0;
  // Weight of the next event's value in the loss; 0: not predicted.
  double predict = 0.0;
  // Of a text with a vector: as many of its ids, the last ones, are rows of the linear map from the
  // vector to the event's row. 0: none.
  std::int64_t text_dimensions = 0;
};

// Vectors of texts, in half precision.
struct TextTable {
  std::int64_t dimensions = 0;
  std::vector<std::uint16_t> values;  // [texts, dimensions]
};

// Immutable.
class TimelineData {
 public:
  // Errors: those of the files; kInvalidArgument naming what is wrong: an id outside its feature,
  //   offsets that do not ascend, no predicted feature.
  static Result<TimelineData> open(const std::filesystem::path& directory);

  const std::vector<TimelineFeature>& features() const { return features_; }
  std::int64_t num_features() const { return static_cast<std::int64_t>(features_.size()); }
  // Of all features together.
  std::int64_t num_ids() const;
  std::int64_t num_users() const { return static_cast<std::int64_t>(offsets_.size()) - 1; }
  std::int64_t num_events(std::int64_t user) const;
  // What is known of an event: an id a feature, then a row of texts() a text feature.
  std::int64_t num_columns() const { return num_features() + num_texts_; }
  const TextTable& texts() const { return texts_; }
  // [last - first, num_columns()]. REQUIRES: 0 <= first <= last <= num_events(user).
  std::span<const std::int32_t> events(std::int64_t user, std::int64_t first,
                                       std::int64_t last) const;

 private:
  Status check() const;
  Status read_texts(const std::filesystem::path& file);

  std::vector<TimelineFeature> features_;
  std::int64_t num_texts_ = 0;
  TextTable texts_;
  std::vector<std::int64_t> offsets_;
  std::vector<std::int32_t> ids_;  // [events, num_columns()]
};

// Windows padded to the longest of them; what pads has id -1 everywhere.
struct TimelineBatch {
  std::int64_t rows = 0;
  // Events of a row, at least 2.
  std::int64_t length = 0;
  std::vector<std::int64_t> ids;  // [rows, length, columns]
};

// Which users' last event is kept from training, for validation: some of them, spread evenly.
class HeldOut {
 public:
  HeldOut(std::int64_t num_users, std::int64_t some) : num_users_(num_users), some_(some) {}
  // Of at most 2,048 users, and at most one event in 25: where timelines are short, one of every
  // user would be a good part of what there is to learn.
  static HeldOut of(const TimelineData& data);

  // 0 or 1. REQUIRES: user < num_users.
  std::int64_t events_of(std::int64_t user) const {
    return (user + 1) * some_ / num_users_ - user * some_ / num_users_;
  }

 private:
  std::int64_t num_users_;
  std::int64_t some_;
};

// Endless windows of at most `window` + 1 events over all users but the events that
// are held out. Every cycle cuts the timelines at other places, shuffles the windows, and batches
// those of about one length, in an order that depends on the seed and the cycle alone. Not
// thread-safe; borrows the data.
class TimelineStream {
 public:
  TimelineStream(const TimelineData& data, std::int64_t window, HeldOut held_out,
                 std::uint64_t seed);

  // Windows with at most `batch_events` events in all, padding included, but at least one.
  TimelineBatch next(std::int64_t batch_events);
  // Errors: kInvalidArgument if the position is of other data.
  Status seek(const StreamPosition& position, std::int64_t batch_events);
  const StreamPosition& position() const { return position_; }

 private:
  struct Window {
    std::int64_t user;
    std::int64_t first;
    std::int64_t last;
    std::int64_t length() const { return last - first; }
  };

  void cut_timelines();
  void build_cycle(std::int64_t batch_events);

  const TimelineData& data_;
  std::int64_t window_;
  HeldOut held_out_;
  std::uint64_t seed_;
  std::vector<Window> windows_;
  // Of windows_, by batch, in the order of the cycle.
  std::vector<std::vector<std::size_t>> batches_;
  StreamPosition position_;
};

// Whether there is something to predict: a user with two events or more, held out ones not counted.
bool has_windows(const TimelineData& data, HeldOut held_out);

}  // namespace kith::train
