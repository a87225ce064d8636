#include "kith/persona/teacher_vectors.h"

#include <algorithm>
#include <cstring>

#include "kith/base/fingerprint.h"
#include "kith/tensor/dtype.h"
#include "kith/tensor/safetensors.h"

namespace kith::persona {
namespace {

// Texts between two writes of the file.
constexpr std::size_t kStep = 8192;
constexpr const char* kTensor = "vectors";

using Metadata = std::map<std::string, std::string>;

Metadata metadata_of(std::span<const std::string> texts, const TextEncoder& teacher) {
  std::uint64_t hash = base::kHashSeed;
  for (const std::string& text : texts) hash = base::hash_bytes(text + '\0', hash);
  return {{"teacher", teacher.hash()}, {"texts", base::to_hex(hash)}};
}

Result<std::vector<std::uint16_t>> read_rows(const std::filesystem::path& file,
                                             const Metadata& metadata, std::size_t width,
                                             std::size_t most_rows) {
  KITH_ASSIGN_OR_RETURN(const auto stored, tensor::SafetensorsFile::open(file));
  for (const auto& [key, value] : metadata) {
    const auto it = stored.header().metadata.find(key);
    if (it == stored.header().metadata.end() || it->second != value) {
      return Error{
          ErrorCode::kConflict,
          file.string() + ": holds the vectors of other texts or another teacher (" + key + ")"};
    }
  }
  const auto view = stored.find(kTensor);
  if (!view || view->dtype != tensor::DType::kF16 || view->shape.size() != 2 ||
      static_cast<std::size_t>(view->shape[1]) != width ||
      static_cast<std::size_t>(view->shape[0]) > most_rows) {
    return Error{ErrorCode::kInvalidArgument, file.string() + ": has no such vectors"};
  }
  std::vector<std::uint16_t> halves(view->bytes.size() / sizeof(std::uint16_t));
  if (!halves.empty()) std::memcpy(halves.data(), view->bytes.data(), view->bytes.size());
  return halves;
}

Status write_rows(const std::filesystem::path& file, const Metadata& metadata, std::size_t width,
                  const std::vector<std::uint16_t>& halves) {
  const std::vector<tensor::TensorToSave> tensors{
      {kTensor,
       tensor::DType::kF16,
       {static_cast<std::int64_t>(halves.size() / width), static_cast<std::int64_t>(width)},
       std::as_bytes(std::span(halves))}};
  return tensor::save_safetensors(file, tensors, metadata);
}

}  // namespace

Result<std::vector<float>> teacher_vectors(std::span<const std::string> texts,
                                           const TextEncoder& teacher,
                                           const std::filesystem::path& file,
                                           const std::function<void(double)>& progress) {
  const std::size_t width = teacher.dimensions();
  if (width == 0) return Error{ErrorCode::kInvalidArgument, "the teacher gives no vectors"};
  const Metadata metadata = metadata_of(texts, teacher);
  std::vector<std::uint16_t> halves;
  std::error_code error;
  if (!file.empty() && std::filesystem::exists(file, error)) {
    KITH_ASSIGN_OR_RETURN(halves, read_rows(file, metadata, width, texts.size()));
  }
  std::vector<float> vectors(kStep * width);
  for (std::size_t first = halves.size() / width; first < texts.size(); first += kStep) {
    const auto group = texts.subspan(first, std::min(kStep, texts.size() - first));
    const std::vector<std::string_view> views(group.begin(), group.end());
    const auto rows = std::span(vectors).first(group.size() * width);
    KITH_RETURN_IF_ERROR(teacher.encode_all(views, rows));
    for (const float value : rows) halves.push_back(tensor::f32_to_f16(value));
    if (!file.empty()) KITH_RETURN_IF_ERROR(write_rows(file, metadata, width, halves));
    if (progress) {
      progress(static_cast<double>(first + group.size()) / static_cast<double>(texts.size()));
    }
  }
  vectors.resize(halves.size());
  std::transform(halves.begin(), halves.end(), vectors.begin(), tensor::f16_to_f32);
  return vectors;
}

}  // namespace kith::persona
