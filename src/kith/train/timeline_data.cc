#include "kith/train/timeline_data.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/rng.h"
#include "kith/tensor/safetensors.h"

namespace kith::train {
namespace {

Error invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

// Ids of a feature as kith::timeline::FeatureMap counts them.
Result<TimelineFeature> read_feature(const base::Json& json) {
  TimelineFeature feature;
  if (!json.is_object()) return invalid("a feature must be an object");
  KITH_ASSIGN_OR_RETURN(const auto name, base::read_string(json, "name"));
  KITH_ASSIGN_OR_RETURN(const auto num_ids, base::read_integer(json, "num_ids"));
  KITH_ASSIGN_OR_RETURN(const auto predict, base::read_number(json, "predict"));
  if (!name || !num_ids || *num_ids < 0 || *num_ids > (std::int64_t{1} << 24)) {
    return invalid("a feature must have a name and a num_ids in [0, 16777216]");
  }
  KITH_ASSIGN_OR_RETURN(const auto dimensions, base::read_integer(json, "text_dimensions"));
  if (dimensions.value_or(0) < 0 || dimensions.value_or(0) > *num_ids) {
    return invalid("text_dimensions of " + *name + " is out of range");
  }
  return TimelineFeature{*name, *num_ids, predict.value_or(0.0), dimensions.value_or(0)};
}

Result<std::vector<TimelineFeature>> read_features(const std::filesystem::path& file) {
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(file));
  KITH_ASSIGN_OR_RETURN(const base::Json json, base::parse_json(text));
  const auto list = json.is_object() ? json.find("features") : json.end();
  if (!json.is_object() || list == json.end() || !list->is_array() || list->empty()) {
    return invalid(file.string() + ": features must be a list");
  }
  std::vector<TimelineFeature> features;
  for (const auto& item : *list) {
    KITH_ASSIGN_OR_RETURN(TimelineFeature feature, read_feature(item));
    features.push_back(std::move(feature));
  }
  return features;
}

template <typename T>
Result<std::vector<T>> read_tensor(const tensor::SafetensorsFile& file, const char* name,
                                   tensor::DType dtype, std::size_t rank) {
  const auto view = file.find(name);
  if (!view || view->dtype != dtype || view->shape.size() != rank) {
    return invalid(std::string(name) + " is missing or has another type or shape");
  }
  std::vector<T> values(view->bytes.size() / sizeof(T));
  std::memcpy(values.data(), view->bytes.data(), view->bytes.size());
  return values;
}

}  // namespace

Result<TimelineData> TimelineData::open(const std::filesystem::path& directory) {
  TimelineData data;
  KITH_ASSIGN_OR_RETURN(data.features_, read_features(directory / "features.json"));
  const std::filesystem::path path = directory / "timelines.safetensors";
  KITH_ASSIGN_OR_RETURN(const auto file, tensor::SafetensorsFile::open(path));
  KITH_ASSIGN_OR_RETURN(data.offsets_,
                        read_tensor<std::int64_t>(file, "offsets", tensor::DType::kInt64, 1));
  KITH_ASSIGN_OR_RETURN(data.ids_,
                        read_tensor<std::int32_t>(file, "ids", tensor::DType::kInt32, 2));
  const auto width = file.find("ids")->shape[1];
  if (width != data.num_features()) return invalid("features.json has another number of features");
  if (auto checked = data.check(); !checked) {
    return std::move(checked).error().with_context(path.string());
  }
  if (auto read = data.read_texts(path); !read) {
    return std::move(read).error().with_context(path.string());
  }
  return data;
}

// Puts the rows of the texts behind the ids of each event.
Status TimelineData::read_texts(const std::filesystem::path& path) {
  const auto width = static_cast<std::size_t>(num_features());
  for (const TimelineFeature& feature : features_) {
    if (feature.text_dimensions == 0) continue;
    ++num_texts_;
    if (texts_.dimensions != 0 && texts_.dimensions != feature.text_dimensions) {
      return invalid("all texts must have vectors of one length");
    }
    texts_.dimensions = feature.text_dimensions;
  }
  if (num_texts_ == 0) return {};
  KITH_ASSIGN_OR_RETURN(const auto file, tensor::SafetensorsFile::open(path));
  KITH_ASSIGN_OR_RETURN(texts_.values,
                        read_tensor<std::uint16_t>(file, "texts", tensor::DType::kF16, 2));
  KITH_ASSIGN_OR_RETURN(const auto rows,
                        read_tensor<std::int32_t>(file, "text_rows", tensor::DType::kInt32, 2));
  const auto shape = file.find("texts")->shape;
  const std::size_t events = ids_.size() / width;
  const auto texts = static_cast<std::size_t>(num_texts_);
  const bool fits = shape[1] == texts_.dimensions && rows.size() == events * texts &&
                    file.find("text_rows")->shape[1] == num_texts_ &&
                    std::all_of(rows.begin(), rows.end(),
                                [&](std::int32_t row) { return row >= -1 && row < shape[0]; });
  if (!fits) return invalid("texts and text_rows do not fit the features");
  std::vector<std::int32_t> columns;
  columns.reserve(events * (width + texts));
  for (std::size_t event = 0; event < events; ++event) {
    const auto id = ids_.begin() + static_cast<std::ptrdiff_t>(event * width);
    const auto row = rows.begin() + static_cast<std::ptrdiff_t>(event * texts);
    columns.insert(columns.end(), id, id + num_features());
    columns.insert(columns.end(), row, row + num_texts_);
  }
  ids_ = std::move(columns);
  return {};
}

Status TimelineData::check() const {
  const auto width = features_.size();
  const auto events = static_cast<std::int64_t>(ids_.size() / width);
  const bool fits = !offsets_.empty() && offsets_.front() == 0 && offsets_.back() == events &&
                    std::is_sorted(offsets_.begin(), offsets_.end());
  if (!fits) return invalid("offsets must ascend from 0 to the number of events");
  for (std::size_t i = 0; i < ids_.size(); ++i) {
    const TimelineFeature& feature = features_[i % width];
    if (ids_[i] >= 0 && ids_[i] < feature.num_ids) continue;
    return invalid("an id of " + feature.name + " is out of range: " + std::to_string(ids_[i]));
  }
  const auto is_predicted = [](const TimelineFeature& f) { return f.predict > 0.0; };
  if (std::none_of(features_.begin(), features_.end(), is_predicted)) {
    return invalid("no feature is predicted");
  }
  return {};
}

std::int64_t TimelineData::num_ids() const {
  std::int64_t sum = 0;
  for (const TimelineFeature& feature : features_) sum += feature.num_ids;
  return sum;
}

std::int64_t TimelineData::num_events(std::int64_t user) const {
  const auto at = static_cast<std::size_t>(user);
  return offsets_[at + 1] - offsets_[at];
}

std::span<const std::int32_t> TimelineData::events(std::int64_t user, std::int64_t first,
                                                   std::int64_t last) const {
  const std::int64_t begin = offsets_[static_cast<std::size_t>(user)];
  return std::span(ids_).subspan(static_cast<std::size_t>((begin + first) * num_columns()),
                                 static_cast<std::size_t>((last - first) * num_columns()));
}

HeldOut HeldOut::of(const TimelineData& data) {
  constexpr std::int64_t kMostUsers = 2048;
  constexpr std::int64_t kEventsForEach = 25;
  std::int64_t events = 0;
  for (std::int64_t user = 0; user < data.num_users(); ++user) events += data.num_events(user);
  const std::int64_t some = std::max<std::int64_t>(events / kEventsForEach, 1);
  return {data.num_users(), std::min({some, kMostUsers, data.num_users()})};
}

bool has_windows(const TimelineData& data, HeldOut held_out) {
  for (std::int64_t user = 0; user < data.num_users(); ++user) {
    if (data.num_events(user) - held_out.events_of(user) >= 2) return true;
  }
  return false;
}

TimelineStream::TimelineStream(const TimelineData& data, std::int64_t window, HeldOut held_out,
                               std::uint64_t seed)
    : data_(data), window_(window), held_out_(held_out), seed_(seed) {}

// Windows overlap by one event, so that each event but a user's first is predicted once. The first
// cut is drawn, so that over the cycles an event is seen with more and with less before it.
void TimelineStream::cut_timelines() {
  base::Rng rng(seed_ ^ (0x9E3779B97F4A7C15ULL * static_cast<std::uint64_t>(position_.cycle + 1)));
  windows_.clear();
  for (std::int64_t user = 0; user < data_.num_users(); ++user) {
    const std::int64_t events = data_.num_events(user) - held_out_.events_of(user);
    if (events < 2) continue;
    std::int64_t first = 0;
    std::int64_t last = events;
    if (events > window_ + 1) {
      last = 2 + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(window_)));
    }
    while (true) {
      windows_.push_back({user, first, last});
      if (last == events) break;
      first = last - 1;
      last = std::min(events, first + window_ + 1);
    }
  }
}

void TimelineStream::build_cycle(std::int64_t batch_events) {
  cut_timelines();
  base::Rng rng(seed_ + 0x9E3779B9ULL * static_cast<std::uint64_t>(position_.cycle));
  const auto shuffle = [&](auto& list) {
    for (std::size_t i = list.size(); i > 1; --i) std::swap(list[i - 1], list[rng.below(i)]);
  };
  std::vector<std::size_t> order(windows_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  shuffle(order);
  // Of one length after the other: windows of a batch need little padding, and which of one length
  // meet is chance.
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return windows_[a].length() < windows_[b].length();
  });
  batches_.clear();
  for (const std::size_t index : order) {
    const std::int64_t length = windows_[index].length();
    const bool is_full =
        batches_.empty() ||
        static_cast<std::int64_t>(batches_.back().size() + 1) * length > batch_events;
    if (is_full) batches_.emplace_back();
    batches_.back().push_back(index);
  }
  shuffle(batches_);
}

Status TimelineStream::seek(const StreamPosition& position, std::int64_t batch_events) {
  position_ = position;
  build_cycle(batch_events);
  if (position.index >= 0 && position.index <= static_cast<std::int64_t>(batches_.size())) {
    return {};
  }
  return invalid("the checkpoint belongs to other data");
}

TimelineBatch TimelineStream::next(std::int64_t batch_events) {
  if (batches_.empty()) build_cycle(batch_events);
  if (position_.index == static_cast<std::int64_t>(batches_.size())) {
    ++position_.cycle;
    position_.index = 0;
    build_cycle(batch_events);
  }
  const auto& chosen = batches_[static_cast<std::size_t>(position_.index++)];
  TimelineBatch batch;
  batch.rows = static_cast<std::int64_t>(chosen.size());
  for (const std::size_t index : chosen) {
    batch.length = std::max(batch.length, windows_[index].length());
  }
  const auto row_size = static_cast<std::size_t>(batch.length * data_.num_columns());
  batch.ids.assign(row_size * chosen.size(), -1);
  for (std::size_t row = 0; row < chosen.size(); ++row) {
    const Window& window = windows_[chosen[row]];
    const auto events = data_.events(window.user, window.first, window.last);
    std::copy(events.begin(), events.end(),
              batch.ids.begin() + static_cast<std::ptrdiff_t>(row * row_size));
  }
  return batch;
}

}  // namespace kith::train
