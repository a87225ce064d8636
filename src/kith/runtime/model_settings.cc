#include "kith/runtime/model_settings.h"

#include <algorithm>
#include <thread>

#include "kith/runtime/resources.h"
#include "kith/tensor/huge_pages.h"

namespace kith::runtime {
namespace {

tensor::DType weight_type(const std::string& name) {
  if (name == "f32") return tensor::DType::kF32;
  return name == "int8" ? tensor::DType::kInt8 : tensor::DType::kBf16;
}

int num_threads(const Config& config) {
  const int cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  return config.model.threads > 0 ? config.model.threads : cores;
}

}  // namespace

std::filesystem::path model_directory(const Config& config) {
  return config.model.dir.empty() ? builtin_model_directory()
                                  : std::filesystem::path(config.model.dir);
}

model::DecoderOptions decoder_options(const Config& config) {
  return {.weights = weight_type(config.model.dtype),
          .threads = num_threads(config),
          .huge_pages = config.model.huge_pages && tensor::has_huge_pages()};
}

model::EncoderOptions encoder_options(const Config& config) {
  return {.weights = weight_type(config.embedding.dtype), .threads = num_threads(config)};
}

}  // namespace kith::runtime
