// What of an event the user encoder reads: a use case's features, as people write them in
// timeline.toml (docs/formats/timeline.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"

namespace kith::timeline {

enum class FeatureKind : std::uint8_t {
  kCategory,  // one of a vocabulary: the most frequent values, the rest are unknown
  kHashed,    // one of a fixed number of buckets, for values that nobody can list
  kNumber,    // bins with equally many training events
  kGap,       // time since the user's event before, in bins of a factor of two
  kCalendar,  // the hour, weekday or month of the event, UTC
  kText,      // the text encoder's vector
};

std::string_view to_string(FeatureKind kind);

// Where the value stands in an event.
enum class FeatureSource : std::uint8_t { kKind, kItem, kCategory, kNumber, kText, kTime };

enum class CalendarUnit : std::uint8_t { kHour, kWeekday, kMonth };

struct FeatureSpec {
  std::string name;
  FeatureKind kind = FeatureKind::kCategory;
  FeatureSource source = FeatureSource::kItem;
  std::string category;  // the name, where the source is kCategory
  CalendarUnit unit = CalendarUnit::kHour;
  // Values (kCategory, at most), buckets (kHashed) or bins (kNumber).
  int size = 0;
  // kCategory: values of fewer events are unknown.
  int min_count = 1;
  // Weight of the next event's value in the training loss; 0: it is not predicted. Never of a text.
  double predict = 0.0;

  friend bool operator==(const FeatureSpec&, const FeatureSpec&) = default;
};

struct TimelineSchema {
  std::string name;
  // An event that repeats the kind, item and categories of the one before within so many seconds is
  // part of it (bursts of clicks); 0: every event counts.
  int burst_seconds = 0;
  std::vector<FeatureSpec> features;

  friend bool operator==(const TimelineSchema&, const TimelineSchema&) = default;
};

inline constexpr std::size_t kMaxFeatures = 32;
inline constexpr int kMaxFeatureSize = 1 << 21;

// Errors: kNotFound; kInvalidArgument naming file, key and what is allowed. At least one feature is
//   predicted.
Result<TimelineSchema> load_schema(const std::filesystem::path& file);
// `name` stands for the file in messages.
Result<TimelineSchema> parse_schema(std::string_view toml, const std::string& name);

// Numbers that a calendar unit takes: 24, 7 or 12.
int calendar_size(CalendarUnit unit);

}  // namespace kith::timeline
