#include "kith/timeline/training_file.h"

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

}  // namespace kith::timeline
