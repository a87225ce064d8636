#include "kith/timeline/met_terms.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>
#include <unordered_map>
#include <utility>

#include "kith/base/file.h"
#include "kith/base/json.h"

namespace kith::timeline {
namespace {

Error wrong(const std::string& what) { return {ErrorCode::kInvalidArgument, what}; }

Result<std::vector<float>> read_numbers(const base::Json& json, const char* key, std::size_t size) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  const bool is_list = json.is_object() && found != json.end() && found->is_array();
  if (!is_list || found->size() != size) {
    return wrong(std::string(key) + " must be a list of " + std::to_string(size) + " numbers");
  }
  std::vector<float> numbers;
  for (const base::Json& item : *found) {
    const bool is_finite = item.is_number() && std::isfinite(item.get<float>());
    if (!is_finite) return wrong(std::string(key) + " must be finite numbers");
    numbers.push_back(item.get<float>());
  }
  return numbers;
}

}  // namespace

std::size_t met_recency(std::size_t events_since) {
  return std::min<std::size_t>(std::bit_width(events_since) - 1, kMetRecencies - 1);
}

std::size_t met_count(std::size_t times) {
  if (times >= 5) return 3;
  return times >= 3 ? 2 : times - 1;
}

void MetValues::append(std::span<const std::int32_t> ids) {
  const std::size_t most = kMetEvents * ids.size();
  // Seldom and many at once: constant time an event.
  if (rows_.size() >= 2 * most) {
    rows_.erase(rows_.begin(), rows_.end() - static_cast<std::ptrdiff_t>(most));
  }
  rows_.insert(rows_.end(), ids.begin(), ids.end());
}

Result<MetTerms> MetTerms::load(const std::filesystem::path& file, const FeatureMap& map) {
  MetTerms made;
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return made;
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(file));
  KITH_ASSIGN_OR_RETURN(const base::Json json, base::parse_json(text));
  const auto fail = [&](const Error& why) { return Error(why).with_context(file.string()); };
  if (!json.is_object()) return fail(wrong("must be an object of features"));
  made.features_.resize(map.num_features());
  for (const auto& [name, terms] : json.items()) {
    const auto feature = map.find(name);
    if (!feature) return fail(feature.error());
    auto recency = read_numbers(terms, "recency", kMetRecencies);
    if (!recency) return fail(recency.error());
    auto count = read_numbers(terms, "count", kMetCounts);
    if (!count) return fail(count.error());
    made.features_[*feature] = {*std::move(recency), *std::move(count)};
  }
  return made;
}

void MetTerms::add(const MetValues& met, std::size_t feature, std::span<float> scores) const {
  if (features_.empty() || features_[feature].recency.empty()) return;
  const std::size_t width = features_.size();
  const std::size_t events = met.rows().size() / width;
  struct Meeting {
    std::size_t since;
    std::size_t times;
  };
  std::unordered_map<std::int32_t, Meeting> meetings;
  for (std::size_t since = 1; since <= std::min(events, kMetEvents); ++since) {
    const std::int32_t id = met.rows()[(events - since) * width + feature];
    if (id >= kFirstValue) ++meetings.try_emplace(id, Meeting{since, 0}).first->second.times;
  }
  const Terms& terms = features_[feature];
  for (const auto& [id, meeting] : meetings) {
    scores[static_cast<std::size_t>(id)] +=
        terms.recency[met_recency(meeting.since)] + terms.count[met_count(meeting.times)];
  }
}

}  // namespace kith::timeline
