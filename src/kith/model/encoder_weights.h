// The weights of an encoder in the form in which they are computed with.
#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

#include "kith/base/result.h"
#include "kith/model/encoder_config.h"
#include "kith/model/weights.h"
#include "kith/tensor/linear.h"

namespace kith::model {

struct NormWeights {
  std::vector<float> weight;  // [hidden]
  std::vector<float> bias;    // [hidden]
};

struct EncoderLayerWeights {
  tensor::Linear qkv;            // hidden -> 3 hidden
  tensor::Linear attention_out;  // hidden -> hidden
  NormWeights attention_norm;
  tensor::Linear intermediate;  // hidden -> intermediate
  tensor::Linear out;           // intermediate -> hidden
  NormWeights out_norm;

  std::size_t bytes() const;
};

struct EncoderWeights {
  Embedding words;
  // Rows of the positions, that of token type 0 added: [max_positions, hidden].
  std::vector<float> positions;
  NormWeights embedding_norm;
  std::vector<EncoderLayerWeights> layers;

  std::size_t bytes() const;
};

// Reads and packs the checkpoint in `dir`; names may begin with "bert.". Tensors that the
// architecture does not have (a pooler, a head) are ignored.
// Errors: those of CheckpointReader::open(); kInvalidArgument naming a tensor that is missing or
// has
//   a wrong shape or type.
Result<EncoderWeights> load_encoder_weights(const std::filesystem::path& dir,
                                            const EncoderConfig& config,
                                            const tensor::LinearOptions& options);

}  // namespace kith::model
