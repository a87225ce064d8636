// Log-probabilities of answers: documents of different lengths in padded batches.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <span>
#include <vector>

#include "kith/train/decoder.h"

namespace kith::train {

// Tokens with kCountedBit on those whose log-probability counts, as in a TokenShard; at least two.
using ScoredDocument = std::span<const std::uint32_t>;

// Counted tokens that can be predicted, which the first one cannot.
std::int64_t counted_tokens(ScoredDocument document);

// Summed log-probability of each document's counted tokens in one forward pass; differentiable.
//   documents: some counted token in each; pad: a token that fills the rows
//   returns: [documents] float
torch::Tensor score_batch(const Decoder& decoder, std::span<const ScoredDocument> documents,
                          std::int64_t pad);

// The same without gradients, for any number of documents, in passes of at most `batch_tokens`
// tokens or one document.
torch::Tensor score_all(const Decoder& decoder, std::span<const ScoredDocument> documents,
                        std::int64_t batch_tokens, std::int64_t pad);

// Splits examples into batches of at most `batch_tokens` tokens (rows times the longest), at least
// one example each; those of like length go together.
//   lengths: tokens of the longest row of each example; rows: rows of each example
//   returns: indices, each once
std::vector<std::vector<std::size_t>> batches_of(std::span<const std::int64_t> lengths,
                                                 std::int64_t rows, std::int64_t batch_tokens);

}  // namespace kith::train
