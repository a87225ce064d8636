// The weights of a decoder in the form in which they are computed with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "kith/base/result.h"
#include "kith/model/config.h"
#include "kith/tensor/aligned.h"
#include "kith/tensor/checkpoint.h"
#include "kith/tensor/dtype.h"
#include "kith/tensor/linear.h"

namespace kith::model {

struct LayerWeights {
  std::vector<float> input_norm;  // [hidden]
  tensor::Linear qkv;             // hidden -> q_size + 2 kv_size
  std::vector<float> q_norm;      // [head_dim], empty without config.qk_norm
  std::vector<float> k_norm;      // the same
  tensor::Linear o;               // q_size -> hidden
  std::vector<float> post_norm;   // [hidden]
  tensor::Linear gate_up;         // hidden -> 2 intermediate
  tensor::Linear down;            // intermediate -> hidden

  std::size_t bytes() const;
};

// A table of rows in the type of the file. f32 rows become f16 where the other weights are shorter
// than f32 too: at the size of bf16 it keeps three bits more. Movable.
class Embedding {
 public:
  // Copies `bytes`, rows of `width` elements of type `from`: kF32, kF16 or kBf16.
  Embedding(std::span<const std::byte> bytes, tensor::DType from, std::size_t width,
            tensor::DType weights);
  // Takes the rows as they are; `bytes` must outlive the table.
  static Embedding borrow(std::span<const std::byte> bytes, tensor::DType dtype, std::size_t width);

  Embedding(Embedding&&) = default;
  Embedding& operator=(Embedding&&) = default;

  // Copies row `id` to `out` [width]. REQUIRES: there is such a row.
  void read(std::int32_t id, std::span<float> out) const;
  tensor::DType dtype() const { return dtype_; }
  std::span<const std::byte> rows() const { return rows_; }

 private:
  Embedding() = default;
  void shorten();

  tensor::DType dtype_ = tensor::DType::kF32;
  std::size_t row_bytes_ = 0;
  // What rows_ sees, unless it is borrowed.
  std::vector<std::byte> owned_;
  std::span<const std::byte> rows_;
};

// Movable.
struct DecoderWeights {
  // The file of a quantised checkpoint, in which the embedding lies, and the maps if they were not
  // copied; else null.
  std::shared_ptr<const tensor::CheckpointReader> file;
  // Absent where the head is tied and held as int8: rows are then read out of the head.
  std::optional<Embedding> embedding;
  std::vector<LayerWeights> layers;
  std::vector<float> final_norm;  // [hidden]
  tensor::Linear head;            // hidden -> vocab

  // The embedding of token `id`, to `out` [hidden]. REQUIRES: id in [0, vocab).
  void read_embedding(std::int32_t id, std::span<float> out) const;
  std::size_t embedding_bytes() const { return embedding ? embedding->rows().size() : 0; }
};

// Reads and packs the checkpoint in `dir`; one that is quantised is held as int8 whatever `options`
// say (docs/formats/quantized.md), in the mapped file or, with `huge_pages`, in a copy. Tensors
// that the architecture does not have are ignored.
//
// Errors: those of CheckpointReader::open; kInvalidArgument naming a tensor that is missing or
//   misshapen, or of a wrong type.
Result<DecoderWeights> load_decoder_weights(const std::filesystem::path& dir,
                                            const DecoderConfig& config,
                                            const tensor::LinearOptions& options);

}  // namespace kith::model
