// Two versions of an adapter side by side: how likely each finds the same texts, by slice, and what
// each answers to the same questions.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/eval/figures.h"
#include "kith/eval/gate_data.h"

namespace kith::eval {

struct SliceDiff {
  // "own", "own:zh", "other:field_worker", "off_domain": perplexity. "preferences": accuracy.
  // "flattery": share of the false premises that are agreed with.
  std::string name;
  double first = 0.0;
  double second = 0.0;
  // Of perplexity: second / first - 1; else second - first. Interval by pairs over units.
  Figure change;
  std::size_t units = 0;
};

struct AnswerPair {
  std::string question;
  std::string first;
  std::string second;
};

struct VersionDiff {
  std::string first;
  std::string second;
  std::vector<SliceDiff> slices;
  std::vector<AnswerPair> answers;
};

struct VersionDiffOptions {
  // Questions of held-out users that both answer, drawn by seed.
  std::size_t num_answers = 6;
  int max_tokens = 96;
  std::uint64_t seed = 7;
};

// Empty sets give no slice. An empty adapter is the base model.
// Errors: those of the generator.
Result<VersionDiff> diff_versions(const GateData& data, const AdapterId& first,
                                  const AdapterId& second, personalize::Generator& generator,
                                  const VersionDiffOptions& options = {},
                                  const std::function<void(double share)>& on_step = {});

// {"first","second","slices":[{"name","first","second","change","low","high","units"}],
//  "answers":[{"question","first","second"}]}, one line.
std::string to_json(const VersionDiff& diff);
std::string to_markdown(const VersionDiff& diff);

}  // namespace kith::eval
