#include "kith/timeline/feature_map.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <utility>

#include "kith/base/fingerprint.h"
#include "kith/base/json.h"
#include "kith/timeline/feature_values.h"

namespace kith::timeline {
namespace {

using base::Json;
using storage::TimelineEvent;

Error wrong(const std::string& what) {
  return Error{ErrorCode::kInvalidArgument, "features: " + what};
}

int calendar_value(CalendarUnit unit, base::UnixMicros at) {
  using namespace std::chrono;
  const sys_time<microseconds> time{microseconds(at)};
  const auto day = floor<days>(time);
  switch (unit) {
    case CalendarUnit::kHour:
      return static_cast<int>(duration_cast<hours>(time - day).count());
    case CalendarUnit::kWeekday:
      return static_cast<int>(weekday(day).c_encoding());
    case CalendarUnit::kMonth:
      return static_cast<int>(static_cast<unsigned>(year_month_day(day).month())) - 1;
  }
  return 0;
}

int gap_bin(base::UnixMicros gap) {
  const auto seconds = static_cast<std::uint64_t>(std::max<base::UnixMicros>(gap, 0) / 1'000'000);
  return std::min(static_cast<int>(std::bit_width(seconds)), kGapBins - 1);
}

}  // namespace

FeatureMap::FeatureMap(TimelineSchema schema)
    : schema_(std::move(schema)),
      values_(schema_.features.size()),
      edges_(schema_.features.size()),
      known_buckets_(schema_.features.size()),
      ids_(schema_.features.size()) {}

void FeatureMap::index_values() {
  for (std::size_t feature = 0; feature < values_.size(); ++feature) {
    std::int32_t next = kFirstValue;
    for (const std::string& value : values_[feature]) ids_[feature].emplace(value, next++);
  }
}

std::int32_t FeatureMap::num_ids(std::size_t feature) const {
  const FeatureSpec& spec = schema_.features[feature];
  switch (spec.kind) {
    case FeatureKind::kCategory:
      return kFirstValue + static_cast<std::int32_t>(values_[feature].size());
    case FeatureKind::kHashed:
      return kFirstValue + spec.size;
    case FeatureKind::kNumber:
      return kFirstValue + static_cast<std::int32_t>(edges_[feature].size()) + 1;
    case FeatureKind::kGap:
      return kFirstValue + kGapBins;
    case FeatureKind::kCalendar:
      return kFirstValue + calendar_size(spec.unit);
    case FeatureKind::kText:
      return kFirstValue + 1 + text_source_.dimensions;
  }
  return 0;
}

std::vector<std::size_t> FeatureMap::text_features() const {
  std::vector<std::size_t> features;
  if (text_source_.dimensions == 0) return features;
  for (std::size_t feature = 0; feature < num_features(); ++feature) {
    if (schema_.features[feature].kind == FeatureKind::kText) features.push_back(feature);
  }
  return features;
}

std::string_view FeatureMap::value(std::size_t feature, std::int32_t id) const {
  if (id < kFirstValue) return {};
  return values_[feature][static_cast<std::size_t>(id - kFirstValue)];
}

Result<std::size_t> FeatureMap::find(std::string_view name) const {
  for (std::size_t feature = 0; feature < num_features(); ++feature) {
    if (schema_.features[feature].name == name) return feature;
  }
  return Error{ErrorCode::kNotFound, "there is no such feature: " + std::string(name)};
}

std::int32_t FeatureMap::encode_value(std::size_t feature, const TimelineEvent& event) const {
  const FeatureSpec& spec = schema_.features[feature];
  if (spec.kind == FeatureKind::kNumber) {
    if (!event.number) return kMissing;
    const auto& edges = edges_[feature];
    const auto bin = std::upper_bound(edges.begin(), edges.end(), *event.number) - edges.begin();
    return kFirstValue + static_cast<std::int32_t>(bin);
  }
  const std::string_view text = text_of(spec, event);
  if (text.empty()) return kMissing;
  if (spec.kind == FeatureKind::kText) return kFirstValue;
  if (spec.kind == FeatureKind::kHashed) {
    const std::uint64_t bucket = bucket_of(text, spec);
    const auto& known = known_buckets_[feature];
    if (!known.empty() && !known[bucket]) return kUnknown;
    return kFirstValue + static_cast<std::int32_t>(bucket);
  }
  const auto found = ids_[feature].find(text);
  return found == ids_[feature].end() ? kUnknown : found->second;
}

void FeatureMap::encode(const TimelineEvent& event, std::optional<base::UnixMicros> before,
                        std::span<std::int32_t> ids) const {
  for (std::size_t feature = 0; feature < num_features(); ++feature) {
    const FeatureSpec& spec = schema_.features[feature];
    if (spec.kind == FeatureKind::kGap) {
      ids[feature] = before ? kFirstValue + gap_bin(event.at - *before) : kMissing;
    } else if (spec.kind == FeatureKind::kCalendar) {
      ids[feature] = kFirstValue + calendar_value(spec.unit, event.at);
    } else {
      ids[feature] = encode_value(feature, event);
    }
  }
}

std::string FeatureMap::version() const {
  return base::to_hex(base::hash_bytes(base::dump_json(to_json())));
}

namespace {

constexpr const char* kSourceNames[] = {"kind", "item", "category", "number", "text", "time"};
constexpr const char* kUnitNames[] = {"hour", "weekday", "month"};

Json spec_json(const FeatureSpec& spec) {
  Json json{{"name", spec.name},
            {"type", std::string(to_string(spec.kind))},
            {"source", kSourceNames[static_cast<std::size_t>(spec.source)]},
            {"size", spec.size},
            {"min_count", spec.min_count},
            {"predict", spec.predict}};
  if (spec.source == FeatureSource::kCategory) json["category"] = spec.category;
  if (spec.kind == FeatureKind::kCalendar) {
    json["unit"] = kUnitNames[static_cast<std::size_t>(spec.unit)];
  }
  return json;
}

template <std::size_t N>
Result<std::size_t> read_choice(const Json& json, const char* key, const char* const (&names)[N]) {
  KITH_ASSIGN_OR_RETURN(const auto text, base::read_string(json, key));
  for (std::size_t i = 0; text && i < N; ++i) {
    if (*text == names[i]) return i;
  }
  return wrong(std::string(key) + " is missing or not known");
}

Result<double> read_number(const Json& json, const char* key, double low, double high) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number()) {
    return wrong(std::string(key) + " must be a number");
  }
  const double value = found->get<double>();
  if (!(value >= low && value <= high)) return wrong(std::string(key) + " is out of range");
  return value;
}

Result<FeatureSpec> read_spec(const Json& json) {
  constexpr const char* kKinds[] = {"category", "hashed", "number", "gap", "calendar", "text"};
  if (!json.is_object()) return wrong("each must be an object");
  FeatureSpec spec;
  KITH_ASSIGN_OR_RETURN(const auto name, base::read_string(json, "name"));
  if (!name || name->empty()) return wrong("name is missing");
  spec.name = *name;
  KITH_ASSIGN_OR_RETURN(const std::size_t kind, read_choice(json, "type", kKinds));
  spec.kind = static_cast<FeatureKind>(kind);
  KITH_ASSIGN_OR_RETURN(const std::size_t source, read_choice(json, "source", kSourceNames));
  spec.source = static_cast<FeatureSource>(source);
  KITH_ASSIGN_OR_RETURN(const double size, read_number(json, "size", 0, kMaxFeatureSize));
  spec.size = static_cast<int>(size);
  const bool needs_size = spec.kind == FeatureKind::kHashed;
  if (needs_size && spec.size < 2) return wrong("size is out of range");
  KITH_ASSIGN_OR_RETURN(const double count, read_number(json, "min_count", 1, 1e6));
  spec.min_count = static_cast<int>(count);
  KITH_ASSIGN_OR_RETURN(spec.predict, read_number(json, "predict", 0, 100));
  if (spec.source == FeatureSource::kCategory) {
    KITH_ASSIGN_OR_RETURN(const auto category, base::read_string(json, "category"));
    spec.category = category.value_or("");
  }
  if (spec.kind == FeatureKind::kCalendar) {
    KITH_ASSIGN_OR_RETURN(const std::size_t unit, read_choice(json, "unit", kUnitNames));
    spec.unit = static_cast<CalendarUnit>(unit);
  }
  return spec;
}

Result<std::vector<std::string>> read_values(const Json& json) {
  std::vector<std::string> values;
  const auto found = json.find("values");
  if (found == json.end()) return values;
  if (!found->is_array() || found->size() > static_cast<std::size_t>(kMaxFeatureSize)) {
    return wrong("values must be a list of texts");
  }
  for (const Json& value : *found) {
    if (!value.is_string()) return wrong("values must be a list of texts");
    values.push_back(value.get<std::string>());
  }
  return values;
}

Result<std::vector<double>> read_edges(const Json& json) {
  std::vector<double> edges;
  const auto found = json.find("edges");
  if (found == json.end()) return edges;
  if (!found->is_array()) return wrong("edges must be a list of numbers");
  for (const Json& edge : *found) {
    if (!edge.is_number() || (!edges.empty() && edge.get<double>() <= edges.back())) {
      return wrong("edges must be ascending numbers");
    }
    edges.push_back(edge.get<double>());
  }
  return edges;
}

// Of a hashed feature; absent: every bucket is known.
Result<std::vector<bool>> read_buckets(const Json& json, int size) {
  std::vector<bool> known;
  const auto found = json.find("buckets");
  if (found == json.end()) return known;
  if (!found->is_array()) return wrong("buckets must be a list of numbers");
  known.resize(static_cast<std::size_t>(size));
  for (const Json& bucket : *found) {
    const bool fits = bucket.is_number_integer() && bucket.get<std::int64_t>() >= 0 &&
                      bucket.get<std::int64_t>() < size;
    if (!fits) return wrong("a bucket is out of range");
    known[bucket.get<std::size_t>()] = true;
  }
  return known;
}

Result<TextSource> read_text_source(const Json& json) {
  constexpr int kMaxDimensions = 16'384;
  const auto found = json.find("text_encoder");
  if (found == json.end()) return TextSource{};
  if (!found->is_object()) return wrong("text_encoder must be an object");
  KITH_ASSIGN_OR_RETURN(auto hash, base::read_string(*found, "hash"));
  KITH_ASSIGN_OR_RETURN(const double dimensions,
                        read_number(*found, "dimensions", 1, kMaxDimensions));
  return TextSource{hash.value_or(""), static_cast<int>(dimensions)};
}

}  // namespace

Json FeatureMap::to_json() const {
  Json features = Json::array();
  for (std::size_t feature = 0; feature < num_features(); ++feature) {
    Json json = spec_json(schema_.features[feature]);
    json["num_ids"] = num_ids(feature);
    if (schema_.features[feature].kind == FeatureKind::kCategory) json["values"] = values_[feature];
    if (schema_.features[feature].kind == FeatureKind::kNumber) json["edges"] = edges_[feature];
    if (!known_buckets_[feature].empty()) {
      Json buckets = Json::array();
      for (std::size_t bucket = 0; bucket < known_buckets_[feature].size(); ++bucket) {
        if (known_buckets_[feature][bucket]) buckets.push_back(bucket);
      }
      json["buckets"] = std::move(buckets);
    }
    if (schema_.features[feature].kind == FeatureKind::kText && text_source_.dimensions > 0) {
      json["text_dimensions"] = text_source_.dimensions;
    }
    features.push_back(std::move(json));
  }
  Json json{{"name", schema_.name},
            {"burst_seconds", schema_.burst_seconds},
            {"features", std::move(features)}};
  if (text_source_.dimensions > 0) {
    json["text_encoder"] = {{"hash", text_source_.hash}, {"dimensions", text_source_.dimensions}};
  }
  return json;
}

Result<FeatureMap> FeatureMap::from_json(const Json& json) {
  if (!json.is_object()) return wrong("must be an object");
  TimelineSchema schema;
  KITH_ASSIGN_OR_RETURN(const auto name, base::read_string(json, "name"));
  schema.name = name.value_or("");
  KITH_ASSIGN_OR_RETURN(const double burst, read_number(json, "burst_seconds", 0, 86'400));
  schema.burst_seconds = static_cast<int>(burst);
  const auto features = json.find("features");
  const bool is_list = features != json.end() && features->is_array();
  if (!is_list || features->empty() || features->size() > kMaxFeatures) {
    return wrong("must be a list of 1 to " + std::to_string(kMaxFeatures));
  }
  for (const Json& feature : *features) {
    KITH_ASSIGN_OR_RETURN(FeatureSpec spec, read_spec(feature));
    schema.features.push_back(std::move(spec));
  }
  FeatureMap map(std::move(schema));
  KITH_ASSIGN_OR_RETURN(map.text_source_, read_text_source(json));
  for (std::size_t i = 0; i < map.num_features(); ++i) {
    KITH_ASSIGN_OR_RETURN(map.values_[i], read_values((*features)[i]));
    KITH_ASSIGN_OR_RETURN(map.edges_[i], read_edges((*features)[i]));
    if (map.schema_.features[i].kind != FeatureKind::kHashed) continue;
    KITH_ASSIGN_OR_RETURN(map.known_buckets_[i],
                          read_buckets((*features)[i], map.schema_.features[i].size));
  }
  map.index_values();
  return map;
}

bool continues_burst(const TimelineEvent& before, const TimelineEvent& event, int burst_seconds) {
  return burst_seconds > 0 && event.kind == before.kind && event.item == before.item &&
         event.categories == before.categories &&
         event.at - before.at <= base::UnixMicros{burst_seconds} * 1'000'000;
}

std::vector<TimelineEvent> without_bursts(std::vector<TimelineEvent> events, int burst_seconds) {
  // A burst lasts as long as each event follows the one before soon enough, kept or not.
  std::vector<TimelineEvent> kept;
  std::optional<TimelineEvent> before;
  for (TimelineEvent& event : events) {
    const bool repeats = before && continues_burst(*before, event, burst_seconds);
    before = event;
    if (!repeats) kept.push_back(std::move(event));
  }
  return kept;
}

}  // namespace kith::timeline
