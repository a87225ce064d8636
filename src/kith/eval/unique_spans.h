// Long runs of words that one user's conversations alone hold: what a model must not give back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kith/eval/gate_data.h"

namespace kith::eval {

struct UniqueSpanOptions {
  // Words (characters, for languages written without spaces) of a run. Shorter ones are common
  // phrases; longer ones are rarely given back even by a model that has learned them.
  std::size_t words = 12;
  // Words before it in the same message, which the model gets.
  std::size_t prefix_words = 6;
  std::size_t per_unit = 2;
  // Over all units, drawn by seed.
  std::size_t max_total = 200;
  std::uint64_t seed = 11;
};

// Runs in assistant messages (which is what a model is trained to say) that stand in the texts of
// one unit only, as probes: what stood before is the prompt. Linear in the texts.
std::vector<LeakProbe> find_unique_spans(std::span<const GateText> texts,
                                         const UniqueSpanOptions& options = {});

}  // namespace kith::eval
