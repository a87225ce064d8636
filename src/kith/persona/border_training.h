// The router's model of borders: learns from prompts of one request and from pairs of them that are
// joined as people join two requests.
//
// Method: conditional logit (McFadden 1974) over the borders of a prompt and "no border", penalised
// likelihood by accelerated gradient ascent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kith/persona/border_features.h"

namespace kith::persona {

// Two prompts made one.
struct JoinedPrompt {
  std::string text;
  // The first ends at byte `end`, the second begins at byte `begin`.
  std::size_t end = 0;
  std::size_t begin = 0;
};

// Joins two prompts as the draw says: on lines of their own, as sentences, or within one sentence,
// with and without linking words. Within a sentence the first loses its final mark and the second
// its capital letter.
JoinedPrompt join_prompts(std::string_view first, std::string_view second, std::uint64_t draw);

// Whether a border lies where the two prompts meet, linking words on either side.
bool is_seam(const PromptBorder& border, const JoinedPrompt& joined);

// A prompt's borders and which of them parts two requests, if any does.
struct BorderExample {
  std::vector<BorderFeatures> borders;
  std::optional<std::size_t> truth;
};

struct BorderFit {
  BorderFeatures weights{};
  // Mean log-likelihood of the examples, in nats.
  double log_likelihood = 0.0;
};

// Deterministic. Examples without borders say nothing and are left out.
//   penalty: half the weight of the squared norm, per example; > 0
BorderFit fit_borders(std::span<const BorderExample> examples, double penalty = 1e-3);

}  // namespace kith::persona
