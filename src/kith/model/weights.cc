#include "kith/model/weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "kith/model/weight_reader.h"

namespace kith::model {
namespace {

using tensor::DType;

std::size_t to_size(std::int64_t value) { return static_cast<std::size_t>(value); }

}  // namespace

std::size_t LayerWeights::bytes() const {
  return qkv.bytes() + o.bytes() + gate_up.bytes() + down.bytes() +
         (input_norm.size() + post_norm.size() + q_norm.size() + k_norm.size()) * sizeof(float);
}

Embedding::Embedding(std::span<const std::byte> bytes, DType from, std::size_t width, DType weights)
    : dtype_(from),
      row_bytes_(width * tensor::dtype_size(from)),
      owned_(bytes.begin(), bytes.end()),
      rows_(owned_) {
  if (from == DType::kF32 && weights != DType::kF32) shorten();
}

Embedding Embedding::borrow(std::span<const std::byte> bytes, DType dtype, std::size_t width) {
  Embedding embedding;
  embedding.dtype_ = dtype;
  embedding.row_bytes_ = width * tensor::dtype_size(dtype);
  embedding.rows_ = bytes;
  return embedding;
}

void Embedding::shorten() {
  constexpr float kLargestF16 = 65504.0F;
  const std::size_t count = owned_.size() / sizeof(float);
  std::vector<float> values(count);
  tensor::convert_to_f32(owned_, DType::kF32, values);
  const bool fits = std::all_of(values.begin(), values.end(),
                                [](float value) { return std::fabs(value) <= kLargestF16; });
  dtype_ = fits ? DType::kF16 : DType::kBf16;
  row_bytes_ /= 2;
  owned_.resize(count * 2);
  owned_.shrink_to_fit();
  rows_ = owned_;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint16_t bits =
        fits ? tensor::f32_to_f16(values[i]) : tensor::f32_to_bf16(values[i]);
    std::memcpy(owned_.data() + 2 * i, &bits, sizeof bits);
  }
}

void Embedding::read(std::int32_t id, std::span<float> out) const {
  tensor::convert_to_f32(rows_.subspan(to_size(id) * row_bytes_, row_bytes_), dtype_, out);
}

void DecoderWeights::read_embedding(std::int32_t id, std::span<float> out) const {
  if (embedding) {
    embedding->read(id, out);
  } else {
    head.read_row(id, out);
  }
}

Result<DecoderWeights> load_decoder_weights(const std::filesystem::path& dir,
                                            const DecoderConfig& config,
                                            const tensor::LinearOptions& options) {
  KITH_ASSIGN_OR_RETURN(auto opened, tensor::CheckpointReader::open(dir));
  const auto file = std::make_shared<const tensor::CheckpointReader>(std::move(opened));
  tensor::LinearOptions held = options;
  if (config.is_quantized) held.weights = DType::kInt8;
  const WeightReader reader(*file, config.is_quantized, held);
  const bool borrows = config.is_quantized && !options.huge_pages;
  KITH_ASSIGN_OR_RETURN(auto embedding, reader.read_embedding(config));
  std::vector<LayerWeights> layers;
  for (int i = 0; i < config.num_layers; ++i) {
    KITH_ASSIGN_OR_RETURN(auto layer, reader.read(layer_names(config, i)));
    layers.push_back(std::move(layer));
    // What was copied should not be in memory twice.
    if (!borrows) file->drop_pages();
  }
  KITH_ASSIGN_OR_RETURN(auto norm, reader.read(final_norm_names(config)));
  KITH_ASSIGN_OR_RETURN(auto head, reader.read(head_names(config), !embedding.has_value()));
  if (!borrows) file->drop_pages();
  return DecoderWeights{.file = config.is_quantized ? file : nullptr,
                        .embedding = std::move(embedding),
                        .layers = std::move(layers),
                        .final_norm = std::move(norm),
                        .head = std::move(head)};
}

}  // namespace kith::model
