// The weights of a decoder in the form in which they are computed with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "kith/base/result.h"
#include "kith/model/config.h"
#include "kith/tensor/aligned.h"
#include "kith/tensor/dtype.h"
#include "kith/tensor/linear.h"

namespace kith::model {

struct LayerWeights {
  std::vector<float> input_norm;  // [hidden]
  tensor::Linear qkv;             // hidden -> q_size + 2 kv_size
  tensor::Linear o;               // q_size -> hidden
  std::vector<float> post_norm;   // [hidden]
  tensor::Linear gate_up;         // hidden -> 2 intermediate
  tensor::Linear down;            // intermediate -> hidden

  std::size_t bytes() const;
};

// A table of rows in f32 or bf16.
class Embedding {
 public:
  // `bytes` holds rows of `width` elements of type `from`; they are kept as `held`, kF32 or kBf16.
  Embedding(std::span<const std::byte> bytes, tensor::DType from, std::size_t width,
            tensor::DType held);

  // Copies row `id` to `out` [width]. REQUIRES: there is such a row.
  void read(std::int32_t id, std::span<float> out) const;
  std::size_t bytes() const { return f32_.size() * sizeof(float) + bf16_.size() * 2; }

 private:
  // One of them holds the rows.
  std::vector<float> f32_;
  std::vector<std::uint16_t> bf16_;
};

struct DecoderWeights {
  Embedding embedding;
  std::vector<LayerWeights> layers;
  std::vector<float> final_norm;  // [hidden]
  tensor::Linear head;            // hidden -> vocab
};

// Reads and packs the checkpoint in `dir`. Tensors that the architecture does not have are ignored.
// Errors: those of CheckpointReader::open; kInvalidArgument naming a tensor that is missing or has
// a
//   wrong shape or type.
Result<DecoderWeights> load_decoder_weights(const std::filesystem::path& dir,
                                            const DecoderConfig& config,
                                            const tensor::LinearOptions& options);

}  // namespace kith::model
