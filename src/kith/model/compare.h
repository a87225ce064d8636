// How far one decoder is from another on a text: what a shorter type of weights costs.
#pragma once

#include <cstdint>
#include <span>

#include "kith/base/result.h"
#include "kith/model/decoder.h"

namespace kith::model {

struct Comparison {
  // Predicted tokens.
  std::int64_t tokens = 0;
  double reference_perplexity = 0.0;
  double perplexity = 0.0;
  // Share of positions at which both think the same token likeliest.
  double same_top = 0.0;
  // Between any two logits.
  double largest_difference = 0.0;

  // perplexity / reference_perplexity - 1.
  double perplexity_change() const { return perplexity / reference_perplexity - 1.0; }
};

// Reads `tokens` in windows of `window`, each from an empty context, by both.
// Errors: kInvalidArgument for fewer than two tokens, a window that is not in [2, max_positions],
// or
//   decoders of different vocabularies; those of Decoder::forward; kInternal if a logit is not
//   finite.
Result<Comparison> compare_decoders(Decoder& reference, Decoder& decoder,
                                    std::span<const text::TokenId> tokens, int window);

}  // namespace kith::model
