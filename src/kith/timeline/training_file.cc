#include "kith/timeline/training_file.h"

#include <cstring>
#include <system_error>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/tensor/safetensors.h"

namespace kith::timeline {

void TrainingFileWriter::add(std::vector<storage::TimelineEvent> events) {
  const auto kept = without_bursts(std::move(events), map_.schema().burst_seconds);
  std::optional<base::UnixMicros> before;
  for (const auto& event : kept) {
    ids_.resize(ids_.size() + map_.num_features());
    map_.encode(event, before, std::span(ids_).last(map_.num_features()));
    before = event.at;
  }
  offsets_.push_back(offsets_.back() + static_cast<std::int64_t>(kept.size()));
}

Status TrainingFileWriter::save(const std::filesystem::path& directory) const {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    return Error{ErrorCode::kUnavailable,
                 "cannot create " + directory.string() + ": " + error.message()};
  }
  KITH_RETURN_IF_ERROR(base::write_file_atomically(directory / "features.json",
                                                   base::dump_json(map_.to_json()) + "\n"));
  const auto features = static_cast<std::int64_t>(map_.num_features());
  const std::vector<tensor::TensorToSave> tensors{
      {"offsets",
       tensor::DType::kInt64,
       {static_cast<std::int64_t>(offsets_.size())},
       std::as_bytes(std::span(offsets_))},
      {"ids", tensor::DType::kInt32, {offsets_.back(), features}, std::as_bytes(std::span(ids_))}};
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
