// A scorer for tests that anybody can follow: every word of a persona's list multiplies its odds.
#pragma once

#include <atomic>
#include <string>
#include <string_view>
#include <vector>

#include "kith/persona/router.h"
#include "kith/persona/segment_scorer.h"
#include "kith/text/segment.h"

namespace kith::persona {

// Labels "boss", "tech" and "clerk"; texts with "poem" or "herons" are out of scope.
class WordScorer final : public SegmentScorer {
 public:
  const std::vector<std::string>& labels() const override { return labels_; }
  std::string hash() const override { return "word-scorer"; }

  Result<SegmentScore> score(std::string_view text) const override {
    ++num_scored;
    double boss = 1.0;
    double tech = 1.0;
    double clerk = 1.0;
    SegmentScore score;
    for (const std::string& word : text::segment_words(text)) {
      if (word == "impact" || word == "board" || word == "risk") boss *= 12.0;
      if (word == "tablet" || word == "dead" || word == "site") tech *= 12.0;
      if (word == "form" || word == "payroll") clerk *= 12.0;
      if (word == "poem" || word == "herons") score.out_of_scope += 1.0;
    }
    const double sum = boss + tech + clerk;
    score.probabilities = {boss / sum, tech / sum, clerk / sum};
    score.abstains = score.out_of_scope > 0.5;
    return score;
  }

  mutable std::atomic<int> num_scored{0};

 private:
  std::vector<std::string> labels_ = {"boss", "tech", "clerk"};
};

// Two requests where both pieces name different personas, or one is out of scope.
inline RouterSettings test_router_settings() {
  RouterSettings settings;
  settings.scorer_hash = "word-scorer";
  settings.out_of_scope = 0.5;
  const auto set = [&settings](BorderFeature feature, double weight) {
    settings.border_weights[static_cast<std::size_t>(feature)] = weight;
  };
  set(BorderFeature::kSentence, -3.0);
  set(BorderFeature::kParagraph, -3.0);
  set(BorderFeature::kLine, -3.0);
  set(BorderFeature::kSemicolon, -3.0);
  set(BorderFeature::kClause, -3.0);
  set(BorderFeature::kContrast, 6.0);
  set(BorderFeature::kConfidence, 4.0);
  set(BorderFeature::kAbstains, 6.0);
  return settings;
}

}  // namespace kith::persona
