#include "kith/model/soft_prompt.h"

#include <algorithm>
#include <cmath>

#include "kith/base/check.h"
#include "kith/base/file.h"
#include "kith/tensor/dtype.h"
#include "kith/tensor/safetensors.h"

namespace kith::model {
namespace {

using tensor::DType;

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

}  // namespace

Result<std::shared_ptr<const SoftPrompt>> SoftPrompt::create(std::vector<float> values, int width) {
  if (width < 1 || values.empty() || values.size() % static_cast<std::size_t>(width) != 0) {
    return invalid("a soft prompt must have rows of " + std::to_string(width) +
                   " values: " + std::to_string(values.size()));
  }
  if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
    return invalid("a soft prompt must hold finite numbers");
  }
  std::shared_ptr<SoftPrompt> prompt(new SoftPrompt);
  prompt->values_ = std::move(values);
  prompt->width_ = width;
  return std::shared_ptr<const SoftPrompt>(std::move(prompt));
}

Result<std::shared_ptr<const SoftPrompt>> SoftPrompt::load(const std::filesystem::path& file) {
  if (file.extension() != ".safetensors") {
    return invalid("a soft prompt is read from a .safetensors file: " + file.filename().string());
  }
  KITH_ASSIGN_OR_RETURN(const auto mapped, base::MappedFile::open(file));
  auto prompt = parse(mapped.bytes());
  if (!prompt) return std::move(prompt).error().with_context(file.filename().string());
  return prompt;
}

Result<std::shared_ptr<const SoftPrompt>> SoftPrompt::parse(std::span<const std::byte> file) {
  KITH_ASSIGN_OR_RETURN(const auto header, tensor::parse_safetensors(file));
  if (header.tensors.size() != 1) {
    return invalid("a soft prompt's file must hold one tensor: " +
                   std::to_string(header.tensors.size()));
  }
  const tensor::TensorInfo& info = header.tensors.begin()->second;
  std::span<const std::int64_t> shape = info.shape;
  if (shape.size() == 3 && shape.front() == 1) shape = shape.subspan(1);
  if (shape.size() != 2 || shape[1] < 1 || shape[1] > (1 << 20) ||
      !tensor::is_weight_dtype(info.dtype)) {
    return invalid("a soft prompt must be f32, f16 or bf16 of shape [rows, width]");
  }
  const auto bytes = file.subspan(info.begin, info.end - info.begin);
  std::vector<float> values(bytes.size() / tensor::dtype_size(info.dtype));
  tensor::convert_to_f32(bytes, info.dtype, values);
  return create(std::move(values), static_cast<int>(shape[1]));
}

std::span<const float> SoftPrompt::row(int row) const {
  KITH_DCHECK(row >= 0 && row < rows(), "no such row");
  const auto width = static_cast<std::size_t>(width_);
  return std::span(values_).subspan(static_cast<std::size_t>(row) * width, width);
}

std::string SoftPrompt::key() const {
  const auto bytes = std::as_bytes(std::span(values_));
  return std::to_string(width_) + ':' +
         std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Result<std::vector<float>> decode_values(std::span<const std::byte> bytes, std::string_view type) {
  if (type != "f32" && type != "f16") {
    return invalid("values must be f32 or f16: " + std::string(type.substr(0, 40)));
  }
  const DType dtype = type == "f32" ? DType::kF32 : DType::kF16;
  if (bytes.size() % tensor::dtype_size(dtype) != 0) {
    return invalid("the bytes do not make whole values of " + std::string(type));
  }
  std::vector<float> values(bytes.size() / tensor::dtype_size(dtype));
  tensor::convert_to_f32(bytes, dtype, values);
  return values;
}

}  // namespace kith::model
