#include "kith/train/best_weights.h"

#include <cstring>
#include <span>
#include <system_error>

#include "kith/tensor/safetensors.h"

namespace kith::train {
namespace {

std::span<const std::byte> bytes_of(const torch::Tensor& values) {
  return std::as_bytes(
      std::span(values.data_ptr<float>(), static_cast<std::size_t>(values.numel())));
}

}  // namespace

Status BestWeights::resume() {
  std::error_code error;
  if (!std::filesystem::exists(file_, error)) return {};
  KITH_ASSIGN_OR_RETURN(const auto file, tensor::SafetensorsFile::open(file_));
  const auto weights = file.find("weights");
  const auto score = file.find("score");
  const auto size = static_cast<std::size_t>(parameters_.num_parameters()) * sizeof(float);
  const bool fits = weights && score && weights->dtype == tensor::DType::kF32 &&
                    weights->bytes.size() == size && score->bytes.size() == sizeof(float);
  if (!fits) {
    return Error{ErrorCode::kInvalidArgument, file_.string() + " is of another run"};
  }
  torch::Tensor values = torch::empty({parameters_.num_parameters()}, torch::kFloat);
  std::memcpy(values.data_ptr<float>(), weights->bytes.data(), size);
  weights_ = values.to(parameters_.master().device());
  float kept = 0.0F;
  std::memcpy(&kept, score->bytes.data(), sizeof(kept));
  score_ = static_cast<double>(kept);
  return {};
}

void BestWeights::forget() {
  std::error_code ignored;
  std::filesystem::remove(file_, ignored);
}

Status BestWeights::offer(double score) {
  // As the file holds it, so that a resumed run compares alike.
  const auto rounded = static_cast<float>(score);
  if (weights_.defined() && static_cast<double>(rounded) <= score_) return {};
  score_ = static_cast<double>(rounded);
  weights_ = parameters_.master().detach().clone();
  const torch::Tensor values = weights_.to(torch::kCPU).contiguous();
  const std::vector<tensor::TensorToSave> tensors{
      {"weights", tensor::DType::kF32, {values.numel()}, bytes_of(values)},
      {"score", tensor::DType::kF32, {1}, std::as_bytes(std::span(&rounded, 1))}};
  return tensor::save_safetensors(file_, tensors);
}

bool BestWeights::restore() {
  const torch::NoGradGuard no_grad;
  if (!weights_.defined() || torch::equal(weights_, parameters_.master())) return false;
  parameters_.master().copy_(weights_);
  parameters_.refresh();
  return true;
}

}  // namespace kith::train
