// The scenario of `kith bench constrained`: what a grammar costs, as the ratio of two runs of the
// same batch that take turns, so that it means something on a noisy machine.
#pragma once

#include <memory>
#include <vector>

#include "kith/base/result.h"
#include "kith/engine/engine.h"
#include "kith/grammar/token_grammar.h"

namespace kith::engine {

struct ConstrainedBench {
  std::vector<int> batches{1, 8, 16};
  // Of each answer, in both runs.
  int tokens = 128;
  // The best of each counts; one more before them, which makes the masks, does not.
  int rounds = 5;
};

struct ConstrainedResult {
  int batch = 1;
  double free_tokens_per_second = 0.0;
  double constrained_tokens_per_second = 0.0;
  // constrained over free.
  double ratio = 0.0;
};

// Answers under a schema of many properties of every type, beside answers without one.
// Errors: those of Engine::generate() and of the schema's grammar.
Result<std::vector<ConstrainedResult>> bench_constrained(
    Engine& engine, std::shared_ptr<const grammar::TokenVocabulary> vocabulary,
    const ConstrainedBench& options);

}  // namespace kith::engine
