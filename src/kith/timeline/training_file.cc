#include "kith/timeline/training_file.h"

#include <cstring>
#include <system_error>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/tensor/dtype.h"
#include "kith/tensor/safetensors.h"
#include "kith/timeline/feature_values.h"

namespace kith::timeline {

void TrainingFileWriter::add(std::vector<storage::TimelineEvent> events) {
  const auto kept = without_bursts(std::move(events), map_.schema().burst_seconds);
  std::optional<base::UnixMicros> before;
  for (const auto& event : kept) {
    ids_.resize(ids_.size() + map_.num_features());
    map_.encode(event, before, std::span(ids_).last(map_.num_features()));
    for (const std::size_t feature : text_features_) {
      text_rows_.push_back(row_of(text_of(map_.schema().features[feature], event)));
    }
    before = event.at;
  }
  offsets_.push_back(offsets_.back() + static_cast<std::int64_t>(kept.size()));
}

std::int32_t TrainingFileWriter::row_of(std::string_view text) {
  if (text.empty()) return -1;
  const auto next = static_cast<std::int32_t>(ordered_texts_.size());
  const auto [place, is_new] = rows_.emplace(text, next);
  if (is_new) ordered_texts_.emplace_back(text);
  return place->second;
}

// [texts, dimensions] in 16 bits.
Result<std::vector<std::uint16_t>> TrainingFileWriter::encode_texts() const {
  std::vector<std::uint16_t> table;
  if (text_features_.empty()) return table;
  if (texts_ == nullptr || texts_->hash() != map_.text_source().hash) {
    return Error{ErrorCode::kInvalidArgument, "the features were fitted for another text encoder"};
  }
  for (const std::string& text : ordered_texts_) {
    KITH_ASSIGN_OR_RETURN(const std::vector<float> vector, rounded_vector(*texts_, text));
    for (const float value : vector) table.push_back(tensor::f32_to_f16(value));
  }
  return table;
}

Status TrainingFileWriter::save(const std::filesystem::path& directory) const {
  KITH_ASSIGN_OR_RETURN(const std::vector<std::uint16_t> table, encode_texts());
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    return Error{ErrorCode::kUnavailable,
                 "cannot create " + directory.string() + ": " + error.message()};
  }
  KITH_RETURN_IF_ERROR(base::write_file_atomically(directory / "features.json",
                                                   base::dump_json(map_.to_json()) + "\n"));
  const auto features = static_cast<std::int64_t>(map_.num_features());
  std::vector<tensor::TensorToSave> tensors{
      {"offsets",
       tensor::DType::kInt64,
       {static_cast<std::int64_t>(offsets_.size())},
       std::as_bytes(std::span(offsets_))},
      {"ids", tensor::DType::kInt32, {offsets_.back(), features}, std::as_bytes(std::span(ids_))}};
  if (!text_features_.empty()) {
    tensors.push_back({"text_rows",
                       tensor::DType::kInt32,
                       {offsets_.back(), static_cast<std::int64_t>(text_features_.size())},
                       std::as_bytes(std::span(text_rows_))});
    tensors.push_back(
        {"texts",
         tensor::DType::kF16,
         {static_cast<std::int64_t>(ordered_texts_.size()), map_.text_source().dimensions},
         std::as_bytes(std::span(table))});
  }
  return tensor::save_safetensors(directory / "timelines.safetensors", tensors,
                                  {{"map", map_.version()}});
}

Result<std::vector<std::vector<std::int64_t>>> count_ids(const std::filesystem::path& directory,
                                                         const FeatureMap& map) {
  const std::filesystem::path path = directory / "timelines.safetensors";
  const Error damaged{ErrorCode::kInvalidArgument, path.string() + " does not fit the features"};
  KITH_ASSIGN_OR_RETURN(const auto file, tensor::SafetensorsFile::open(path));
  const auto view = file.find("ids");
  const bool fits = view && view->dtype == tensor::DType::kInt32 && view->shape.size() == 2 &&
                    view->shape[1] == static_cast<std::int64_t>(map.num_features());
  if (!fits) return damaged;
  std::vector<std::int32_t> ids(view->bytes.size() / sizeof(std::int32_t));
  std::memcpy(ids.data(), view->bytes.data(), view->bytes.size());
  std::vector<std::vector<std::int64_t>> counts;
  for (std::size_t feature = 0; feature < map.num_features(); ++feature) {
    counts.emplace_back(static_cast<std::size_t>(map.num_ids(feature)));
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    auto& of_feature = counts[i % counts.size()];
    if (ids[i] < 0 || static_cast<std::size_t>(ids[i]) >= of_feature.size()) return damaged;
    ++of_feature[static_cast<std::size_t>(ids[i])];
  }
  return counts;
}

}  // namespace kith::timeline
