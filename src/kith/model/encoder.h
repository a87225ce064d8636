// A bidirectional transformer of the BERT kind (Devlin et al. 2019): weights from a Hugging Face
// directory, and one forward pass over a batch of whole texts.
//
// Texts of different lengths lie packed one behind the other, without padding: no row is computed
// that nobody asked for, and a text's result does not depend, bit for bit, on what else is in the
// batch.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

#include "kith/base/result.h"
#include "kith/model/encoder_config.h"
#include "kith/tensor/dtype.h"
#include "kith/text/token.h"

namespace kith::model {

struct EncoderOptions {
  // How weights are held: kF32, kBf16 or kInt8, as in DecoderOptions.
  tensor::DType weights = tensor::DType::kF32;
  // Threads of a forward pass, >= 1.
  int threads = 1;
};

// Weights are immutable; forward() works in buffers of the object: call it from one thread at a
// time, best always the same (each calling thread gets a team of compute threads of its own).
class Encoder {
 public:
  // Errors: those of load_encoder_config() and tensor::CheckpointReader::open(); kInvalidArgument
  //   naming the tensor that is missing or has a wrong shape or type.
  static Result<std::unique_ptr<Encoder>> load(const std::filesystem::path& dir,
                                               const EncoderOptions& options = {});
  ~Encoder();
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  const EncoderConfig& config() const;
  // The type in which the weights are really held.
  tensor::DType weights() const;
  // Memory of all weights, packed.
  std::size_t weight_bytes() const;

  // The last layer's states of all tokens, text after text, every token of type 0.
  //   texts: each [num_tokens], special tokens included
  //   returns: [all tokens, hidden_size]; valid until the next call
  // Errors: kInvalidArgument for an empty text, one longer than max_positions, a token id outside
  //   the vocabulary, or more than 65,536 tokens in all.
  Result<std::span<const float>> forward(std::span<const std::span<const text::TokenId>> texts);

 private:
  struct Impl;
  explicit Encoder(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace kith::model
