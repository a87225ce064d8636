// The scenario of `kith bench sharing`: what requests of the engine share. Candidates of one prompt
// read its keys and values together, and prompts that begin alike compute their beginning once.
#pragma once

#include <memory>

#include "kith/base/result.h"
#include "kith/engine/bench_run.h"
#include "kith/model/decoder.h"
#include "kith/text/tokenizer.h"

namespace kith::engine {

struct SharingBench {
  int candidates = 4;
  // Of the prompt that the candidates answer, and of each answer.
  int context_tokens = 128;
  int answer_tokens = 64;
  // What two prompts have in common, and what each has for itself.
  int prefix_tokens = 1000;
  int new_tokens = 32;
  int rounds = kBenchRounds;
};

struct SharingResult {
  int candidates = 0;
  // Wall times of one answer and of all candidates, which are as long each.
  double one_seconds = 0.0;
  double candidates_seconds = 0.0;
  // candidates_seconds over one_seconds.
  double candidates_ratio = 0.0;
  int prefix_tokens = 0;
  int new_tokens = 0;
  // Times to the first token: of a new prompt, and of one whose beginning is cached.
  double first_seconds = 0.0;
  double second_seconds = 0.0;
  // second_seconds over first_seconds.
  double prefix_ratio = 0.0;
};

// Errors: those of Engine::generate().
Result<SharingResult> bench_sharing(std::shared_ptr<model::Decoder> decoder,
                                    const text::Tokenizer& tokenizer, const SharingBench& options);

}  // namespace kith::engine
