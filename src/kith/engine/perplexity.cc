#include "kith/engine/perplexity.h"

#include <algorithm>
#include <cmath>

namespace kith::engine {
namespace {

std::vector<PositionLoss> empty_ranges(const PerplexityOptions& options, int window) {
  std::vector<PositionLoss> ranges;
  int begin = 0;
  for (const int boundary : options.boundaries) {
    if (boundary <= begin || boundary >= window) continue;
    ranges.push_back({.begin = begin, .end = boundary});
    begin = boundary;
  }
  ranges.push_back({.begin = begin, .end = window});
  return ranges;
}

}  // namespace

double PositionLoss::perplexity() const {
  return tokens > 0 ? std::exp(loss / static_cast<double>(tokens)) : 0.0;
}

Result<std::vector<PositionLoss>> loss_by_position(Engine& engine,
                                                   std::span<const text::TokenId> tokens,
                                                   const PerplexityOptions& options) {
  const int window = options.window > 0 ? options.window : engine.max_positions();
  if (window < 2 || window > engine.max_positions()) {
    return Error{ErrorCode::kInvalidArgument, "a window has 2 to " +
                                                  std::to_string(engine.max_positions()) +
                                                  " tokens here: " + std::to_string(window)};
  }
  if (tokens.size() < 2) {
    return Error{ErrorCode::kInvalidArgument, "the text has fewer than two tokens"};
  }
  std::vector<PositionLoss> ranges = empty_ranges(options, window);
  while (tokens.size() >= 2) {
    const auto length = std::min(tokens.size(), static_cast<std::size_t>(window));
    const auto part = tokens.first(length);
    tokens = tokens.subspan(length);
    KITH_ASSIGN_OR_RETURN(const auto scores,
                          engine.score({.prompt = {part[0]},
                                        .continuations = {{part.begin() + 1, part.end()}},
                                        .adapters = options.adapters}));
    auto range = ranges.begin();
    int position = 1;
    for (const float logprob : scores.front().logprobs) {
      while (position >= range->end) ++range;
      range->loss -= logprob;
      ++range->tokens;
      ++position;
    }
  }
  std::erase_if(ranges, [](const PositionLoss& range) { return range.tokens == 0; });
  return ranges;
}

}  // namespace kith::engine
