// Feeds arbitrary bytes to the readers of safetensors files and of checkpoint indexes.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "kith/base/check.h"
#include "kith/tensor/checkpoint.h"
#include "kith/tensor/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace tensor = kith::tensor;
  const auto header = tensor::parse_safetensors(std::as_bytes(std::span(data, size)));
  if (header) {
    for (const auto& [name, info] : header->tensors) {
      std::size_t bytes = tensor::dtype_size(info.dtype);
      for (const std::int64_t dim : info.shape) bytes *= static_cast<std::size_t>(dim);
      KITH_CHECK(info.begin <= info.end && info.end <= size, "tensors lie within the file");
      KITH_CHECK(bytes == info.end - info.begin, "shapes fit the bytes");
    }
  }
  const auto index = tensor::parse_checkpoint_index({reinterpret_cast<const char*>(data), size});
  if (index) {
    for (const auto& [name, file] : *index) {
      KITH_CHECK(!file.empty() && file.find('/') == std::string::npos, "shards are plain names");
    }
  }
  return 0;
}
