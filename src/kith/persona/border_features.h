// What tells whether a border of a prompt (prompt_segments.h) parts two requests: how the pieces
// are joined, and how much better two personas explain them than one. Inputs of the router's model
// of borders.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "kith/persona/prompt_segments.h"
#include "kith/persona/segment_scorer.h"

namespace kith::persona {

// In this order in the file of a router (docs/formats/router.md).
enum class BorderFeature : std::size_t {
  kParagraph,
  kLine,
  kSentence,
  kSemicolon,
  kClause,
  kWeakLinker,
  kStrongLinker,
  kStartsRequest,  // what comes after begins as a request does
  kEndsQuestion,   // what stands before ends in a question mark
  kRefersBack,     // what comes after begins with "it", "that", "because", ...
  kCaseChanges,    // one piece begins with a capital letter, the other does not
  kIsShort,        // one piece has fewer than six words
  kContrast,       // log-likelihood that two different personas gain over one, in [-1, 1]
  kConfidence,     // probability of the two likeliest different personas, in [0, 1]
  kAbstains,       // one piece is out of scope
  kWholeIsSure,    // probability of the likeliest persona for the whole prompt
  kBothAsk,  // what stands before holds a question or begins as a request, and what comes after
  kClauseRequest,  // within a sentence, linking words and then what begins as a request does
};
inline constexpr std::size_t kNumBorderFeatures = 18;

using BorderFeatures = std::array<double, kNumBorderFeatures>;

// The features that need no scores; the others are 0.
BorderFeatures describe_border(std::string_view prompt, const PromptBorder& border);

// Fills in the others. The scores are of one scorer.
void add_scores(const SegmentScore& before, const SegmentScore& after, const SegmentScore& whole,
                BorderFeatures& features);

double dot(const BorderFeatures& weights, const BorderFeatures& features);

// Of the piece before and the one after, two different labels with the greatest sum of
// log-probabilities. REQUIRES: two labels or more.
struct LabelPair {
  std::size_t before = 0;
  std::size_t after = 0;
  double log_probability = 0.0;
};
LabelPair best_pair(const std::vector<double>& before, const std::vector<double>& after);

}  // namespace kith::persona
