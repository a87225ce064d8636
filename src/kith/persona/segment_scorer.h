// What scores a piece of a prompt against every persona, or every topic: the port of the router.
// The classifier of ADR 16 stands behind it (classifier_scorer.h), and fakes in tests.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"

namespace kith::persona {

struct SegmentScore {
  // Calibrated, in the order of SegmentScorer::labels(), sum 1: whose text it is if anybody's.
  std::vector<double> probabilities;
  // The higher, the less the text resembles what any persona asks; without a unit.
  double out_of_scope = 0.0;
  // out_of_scope is above the scorer's own threshold.
  bool abstains = false;
};

// Implementations are immutable and thread-safe, and give a text the same score every time.
class SegmentScorer {
 public:
  virtual ~SegmentScorer() = default;

  // Ids of personas or names of topics, at least two, each once.
  virtual const std::vector<std::string>& labels() const = 0;

  // Names what the scores depend on, the encoder's and the classifier's weights included. What was
  // calibrated on one scorer's scores is wrong for another's.
  virtual std::string hash() const = 0;

  // Never fails for a text, whatever its bytes. Errors: those of a model that fails.
  virtual Result<SegmentScore> score(std::string_view text) const = 0;
};

}  // namespace kith::persona
