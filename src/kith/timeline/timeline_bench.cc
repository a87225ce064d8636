#include "kith/timeline/timeline_bench.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "kith/base/rng.h"
#include "kith/timeline/vector_index.h"

namespace kith::timeline {
namespace {

using Steady = std::chrono::steady_clock;

double ms_since(Steady::time_point start) {
  return std::chrono::duration<double, std::milli>(Steady::now() - start).count();
}

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

// Draws events whose features have values that the encoder knows.
class EventSource {
 public:
  explicit EventSource(const FeatureMap& map) : map_(map) {}

  storage::TimelineEvent next() {
    storage::TimelineEvent event;
    at_ += static_cast<base::UnixMicros>(60 + rng_.below(100'000)) * 1'000'000;
    event.at = at_;
    event.kind = "event";
    for (std::size_t i = 0; i < map_.num_features(); ++i) set(i, event);
    return event;
  }

 private:
  void set(std::size_t index, storage::TimelineEvent& event) {
    const FeatureSpec& feature = map_.schema().features[index];
    const auto ids = static_cast<std::uint64_t>(map_.num_ids(index));
    if (feature.kind == FeatureKind::kText) {
      event.text = "the tablet is locked again " + std::to_string(rng_.below(1000));
    }
    if (feature.source == FeatureSource::kNumber) event.number = rng_.uniform();
    std::string value = "v" + std::to_string(rng_.below(ids));
    if (feature.kind == FeatureKind::kCategory && ids > kFirstValue) {
      const auto id = kFirstValue + rng_.below(ids - kFirstValue);
      value = map_.value(index, static_cast<std::int32_t>(id));
    }
    if (feature.source == FeatureSource::kKind) event.kind = value;
    if (feature.source == FeatureSource::kItem) event.item = value;
    if (feature.source == FeatureSource::kCategory) event.categories[feature.category] = value;
  }

  const FeatureMap& map_;
  base::Rng rng_{1};
  base::UnixMicros at_ = 0;
};

// Milliseconds of each of `count` events, added one by one.
Result<std::vector<double>> add_events(EventEncoder& encoder, EventState& state,
                                       EventSource& source, int count) {
  std::vector<double> times;
  for (int i = 0; i < count; ++i) {
    const storage::TimelineEvent event = source.next();
    const auto start = Steady::now();
    KITH_RETURN_IF_ERROR(encoder.append(state, std::span(&event, 1)));
    KITH_RETURN_IF_ERROR(encoder.embed(state));
    times.push_back(ms_since(start));
  }
  return times;
}

Status measure_events(EventEncoder& encoder, const TimelineBench& options, TimelineResult& result) {
  EventSource source(encoder.map());
  std::vector<storage::TimelineEvent> history;
  for (int i = 0; i < options.history; ++i) history.push_back(source.next());
  KITH_ASSIGN_OR_RETURN(EventState state, encoder.start());
  const auto start = Steady::now();
  KITH_RETURN_IF_ERROR(encoder.append(state, history));
  KITH_RETURN_IF_ERROR(encoder.embed(state));
  result.rebuild_ms = ms_since(start);
  KITH_ASSIGN_OR_RETURN(const auto times, add_events(encoder, state, source, options.added));
  result.event_ms_p50 = quantile(times, 0.5);
  result.event_ms_p99 = quantile(times, 0.99);
  KITH_ASSIGN_OR_RETURN(EventState few, encoder.start());
  const auto window =
      std::min<std::size_t>(history.size(), static_cast<std::size_t>(encoder.window()));
  KITH_RETURN_IF_ERROR(encoder.append(few, std::span(history).first(window)));
  KITH_ASSIGN_OR_RETURN(const auto short_times, add_events(encoder, few, source, options.added));
  result.short_event_ms_p50 = quantile(short_times, 0.5);
  return {};
}

std::vector<float> random_unit(base::Rng& rng, std::size_t width) {
  std::vector<float> vector(width);
  for (float& value : vector) value = static_cast<float>(rng.uniform() - 0.5);
  const float length =
      std::sqrt(std::inner_product(vector.begin(), vector.end(), vector.begin(), 0.0F));
  for (float& value : vector) value /= length;
  return vector;
}

void measure_searches(std::size_t width, const TimelineBench& options, TimelineResult& result) {
  VectorIndex index(width);
  base::Rng rng(2);
  for (int i = 0; i < options.users; ++i) {
    index.put(UserId("u" + std::to_string(i)), PersonaId(), random_unit(rng, width));
  }
  std::vector<double> times;
  for (int i = 0; i < options.searches; ++i) {
    const auto query = random_unit(rng, width);
    const auto start = Steady::now();
    const auto found = index.nearest(query, 10);
    times.push_back(ms_since(start));
  }
  result.search_ms_p50 = quantile(times, 0.5);
  result.search_ms_p99 = quantile(times, 0.99);
}

}  // namespace

Result<TimelineResult> bench_timeline(EventEncoder& encoder, const TimelineBench& options) {
  TimelineResult result;
  result.width = encoder.width();
  result.num_latents = encoder.num_latents();
  result.window = encoder.window();
  result.state_bytes = encoder.state_bytes();
  KITH_RETURN_IF_ERROR(measure_events(encoder, options, result));
  measure_searches(static_cast<std::size_t>(encoder.width()), options, result);
  return result;
}

}  // namespace kith::timeline
