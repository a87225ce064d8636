// How well a model predicts a text, by position: shows up to where its context is usable, whatever
// its configuration promises.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kith/base/result.h"
#include "kith/engine/engine.h"
#include "kith/text/token.h"

namespace kith::engine {

// Of the positions [begin, end) of all windows.
struct PositionLoss {
  int begin = 0;
  int end = 0;
  std::int64_t tokens = 0;
  // Sum of -log p in nats.
  double loss = 0.0;

  double perplexity() const;
};

struct PerplexityOptions {
  // Tokens of a window; 0 takes the model's whole context. At least 2.
  int window = 0;
  // Boundaries between the ranges that are reported, growing.
  std::vector<int> boundaries{512, 1024, 1536, 2048, 3072};
  // Empty: the base model.
  std::vector<WeightedAdapter> adapters;
};

// Cuts `tokens` into windows, each read from an empty context (its first token is given), and sums
// the loss by position. The last, shorter window counts too.
//   returns: ranges that have at least one token, in order
// Errors: kInvalidArgument for fewer than two tokens or a window that the model cannot hold; those
//   of Engine::score().
Result<std::vector<PositionLoss>> loss_by_position(Engine& engine,
                                                   std::span<const text::TokenId> tokens,
                                                   const PerplexityOptions& options = {});

}  // namespace kith::engine
