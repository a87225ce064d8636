#include "kith/timeline/schema.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "kith/base/file.h"
#include "kith/base/toml_table.h"

namespace kith::timeline {
namespace {

using base::TomlTable;

constexpr std::array<std::string_view, 6> kKindNames{"category", "hashed",   "number",
                                                     "gap",      "calendar", "text"};
constexpr std::string_view kCategoryPrefix = "categories.";

template <std::size_t N>
std::size_t index_of(const std::array<std::string_view, N>& names, const std::string& name) {
  const auto found = std::find(names.begin(), names.end(), name);
  return static_cast<std::size_t>(found - names.begin()) % N;
}

template <std::size_t N>
std::vector<std::string> list_of(const std::array<std::string_view, N>& names) {
  return {names.begin(), names.end()};
}

std::optional<FeatureSource> find_source(const std::string& text) {
  if (text == "kind") return FeatureSource::kKind;
  if (text == "item") return FeatureSource::kItem;
  if (text == "number") return FeatureSource::kNumber;
  if (text == "text") return FeatureSource::kText;
  const bool is_category = text.starts_with(kCategoryPrefix) && text != kCategoryPrefix;
  return is_category ? std::optional(FeatureSource::kCategory) : std::nullopt;
}

// The source of a kind that leaves no choice.
std::optional<FeatureSource> only_source(FeatureKind kind) {
  if (kind == FeatureKind::kNumber) return FeatureSource::kNumber;
  if (kind == FeatureKind::kText) return FeatureSource::kText;
  if (kind == FeatureKind::kGap || kind == FeatureKind::kCalendar) return FeatureSource::kTime;
  return std::nullopt;
}

void read_source(TomlTable& in, FeatureSpec& spec) {
  if (const auto only = only_source(spec.kind)) {
    spec.source = *only;
    return;
  }
  std::string source = spec.name;
  in.text("source", source);
  const auto found = find_source(source);
  if (!found || *found == FeatureSource::kNumber) {
    return in.fail("source", "must be kind, item, text or categories.NAME: " + source);
  }
  spec.source = *found;
  if (*found == FeatureSource::kCategory) spec.category = source.substr(kCategoryPrefix.size());
}

void read_size(TomlTable& in, FeatureSpec& spec) {
  std::int64_t size = 0;
  switch (spec.kind) {
    case FeatureKind::kCategory:
      size = 50'000;
      in.integer("max_values", size, 1, kMaxFeatureSize);
      break;
    case FeatureKind::kHashed:
      size = 4096;
      in.integer("buckets", size, 2, kMaxFeatureSize);
      break;
    case FeatureKind::kNumber:
      size = 16;
      in.integer("bins", size, 2, 1024);
      break;
    default:
      return;
  }
  spec.size = static_cast<int>(size);
}

FeatureSpec read_feature(TomlTable& in) {
  constexpr std::array<std::string_view, 3> kUnits{"hour", "weekday", "month"};
  FeatureSpec spec;
  in.require("name");
  in.text("name", spec.name);
  std::string kind = "category";
  in.choice("type", kind, list_of(kKindNames));
  spec.kind = static_cast<FeatureKind>(index_of(kKindNames, kind));
  read_source(in, spec);
  read_size(in, spec);
  if (spec.kind == FeatureKind::kCategory) {
    std::int64_t min_count = spec.min_count;
    in.integer("min_count", min_count, 1, 1'000'000);
    spec.min_count = static_cast<int>(min_count);
  }
  if (spec.kind == FeatureKind::kCalendar) {
    std::string unit = "hour";
    in.choice("unit", unit, list_of(kUnits));
    spec.unit = static_cast<CalendarUnit>(index_of(kUnits, unit));
  }
  if (spec.kind != FeatureKind::kText) in.real("predict", spec.predict, 0.0, 100.0);
  return spec;
}

void check_features(TomlTable& in, const TimelineSchema& schema) {
  std::set<std::string> names;
  bool predicts = false;
  for (const FeatureSpec& spec : schema.features) {
    if (spec.name.empty() || !names.insert(spec.name).second) {
      in.fail("feature", "names must be given, each once: " + spec.name);
    }
    predicts = predicts || spec.predict > 0.0;
  }
  if (schema.features.empty() || schema.features.size() > kMaxFeatures) {
    in.fail("feature", "must be given 1 to " + std::to_string(kMaxFeatures) + " times");
  }
  if (!predicts) in.fail("feature", "must have a predict above 0 at least once");
}

}  // namespace

std::string_view to_string(FeatureKind kind) { return kKindNames[static_cast<std::size_t>(kind)]; }

Result<TimelineSchema> parse_schema(std::string_view toml, const std::string& name) {
  KITH_ASSIGN_OR_RETURN(const toml::table table, base::parse_toml(toml, name));
  TomlTable in(&table, name + ": ");
  TimelineSchema schema;
  in.require("name");
  in.text("name", schema.name);
  std::int64_t burst_seconds = 0;
  in.integer("burst_seconds", burst_seconds, 0, 86'400);
  schema.burst_seconds = static_cast<int>(burst_seconds);
  in.children("feature", [&](TomlTable& item) { schema.features.push_back(read_feature(item)); });
  check_features(in, schema);
  KITH_RETURN_IF_ERROR(in.finish());
  return schema;
}

Result<TimelineSchema> load_schema(const std::filesystem::path& file) {
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(file));
  return parse_schema(text, file.string());
}

int calendar_size(CalendarUnit unit) {
  switch (unit) {
    case CalendarUnit::kHour:
      return 24;
    case CalendarUnit::kWeekday:
      return 7;
    case CalendarUnit::kMonth:
      return 12;
  }
  return 0;
}

}  // namespace kith::timeline
