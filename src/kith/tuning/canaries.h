// Secrets that nobody told, planted among the rows of a training, so that the gate can see how much
// the model remembers of a text that it has met as often as a user's own.
//
// Method: Carlini et al., "The Secret Sharer" (USENIX Security 2019): random strings in a fixed
// form, whose exposure is their rank by likelihood among all strings of that form
// (eval/leak_check.h). They ask for a slot that is eight random digits and letters, which no user
// types, and answer with random characters, which tell nothing about anybody; that a version which
// has learned them does not serve is the gate's part. ADR 24.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace kith::tuning {

struct Canary {
  std::string prompt;
  // How its answer begins, and the secret that it ends with.
  std::string prefix;
  std::string secret;
};

// One for a hundred training rows, but from 8, with fewer of which their mean says little, to 32.
std::size_t num_canaries(std::size_t training_rows);

// The same count and seed give the same canaries; other seeds give others.
std::vector<Canary> draw_canaries(std::size_t count, const std::string& seed);

// As rows of train.jsonl, each a user of its own, learned as often as a row of weight 1.
std::string canary_rows(const std::vector<Canary>& canaries);
// As canaries.jsonl, which the gate reads (docs/formats/adapter-versions.md).
std::string canary_probes(const std::vector<Canary>& canaries);

}  // namespace kith::tuning
