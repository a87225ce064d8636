#include "kith/persona/border_features.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "kith/base/check.h"
#include "kith/text/unicode.h"
#include "kith/text/utf8.h"

namespace kith::persona {
namespace {

// A probability counts as at least this much, so that one odd word does not decide alone.
constexpr double kMinProbability = 1e-3;
// Nats of contrast that count in full.
constexpr double kFullContrast = 4.0;
constexpr std::size_t kShortWords = 6;

double& at(BorderFeatures& features, BorderFeature feature) {
  return features[static_cast<std::size_t>(feature)];
}

// Words that speak of what was said before.
constexpr std::array<std::string_view, 26> kBackReferences = {
    "it",   "its",       "it's",   "that",  "that's", "this", "these", "those",   "they",
    "them", "he",        "she",    "his",   "her",    "if",   "so",    "because", "which",
    "or",   "otherwise", "thanks", "thank", "only",   "not",  "no",    "yes"};

std::string first_word(std::string_view text) {
  std::string word;
  for (const char c : text) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '\'';
    if (!is_letter) break;
    word.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return word;
}

bool starts_upper(std::string_view text) {
  return !text.empty() && text[0] >= 'A' && text[0] <= 'Z';
}
bool starts_lower(std::string_view text) {
  return !text.empty() && text[0] >= 'a' && text[0] <= 'z';
}

bool asks(std::string_view text) {
  const bool has_mark =
      text.find('?') != std::string_view::npos || text.find("？") != std::string_view::npos;
  return has_mark || starts_request(text);
}

std::size_t count_words(std::string_view text) {
  std::size_t count = 0;
  bool is_inside = false;
  text::for_each_code_point(text, [&](char32_t c, std::size_t, std::size_t) {
    const bool is_word = text::is_word_character(c);
    if (is_word && (!is_inside || text::is_han(c))) ++count;
    is_inside = is_word;
  });
  return count;
}

double log_of(double probability) { return std::log(std::max(probability, kMinProbability)); }

// Nats that one label for both pieces gets at best.
double best_single(const std::vector<double>& before, const std::vector<double>& after) {
  double best = -std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < before.size(); ++i) {
    best = std::max(best, log_of(before[i]) + log_of(after[i]));
  }
  return best;
}

double greatest(const std::vector<double>& values) {
  return values.empty() ? 0.0 : *std::max_element(values.begin(), values.end());
}

}  // namespace

BorderFeatures describe_border(std::string_view prompt, const PromptBorder& border) {
  const std::string_view before = prompt.substr(0, border.end);
  const std::string_view after = prompt.substr(border.begin);
  BorderFeatures features{};
  features[static_cast<std::size_t>(border.kind)] = 1.0;
  at(features, BorderFeature::kWeakLinker) = border.linker == Linker::kWeak ? 1.0 : 0.0;
  at(features, BorderFeature::kStrongLinker) = border.linker == Linker::kStrong ? 1.0 : 0.0;
  at(features, BorderFeature::kStartsRequest) = starts_request(after) ? 1.0 : 0.0;
  at(features, BorderFeature::kEndsQuestion) =
      before.ends_with('?') || before.ends_with("？") ? 1.0 : 0.0;
  const std::string word = first_word(after);
  const bool refers_back =
      std::find(kBackReferences.begin(), kBackReferences.end(), word) != kBackReferences.end();
  at(features, BorderFeature::kRefersBack) = refers_back ? 1.0 : 0.0;
  // Inside a sentence a small letter says nothing.
  const bool is_inside =
      border.kind == BorderKind::kClause || border.kind == BorderKind::kSemicolon;
  at(features, BorderFeature::kBothAsk) = asks(before) && asks(after) ? 1.0 : 0.0;
  const bool is_linked = border.linker != Linker::kNone;
  at(features, BorderFeature::kClauseRequest) =
      is_inside && is_linked && starts_request(after) ? 1.0 : 0.0;
  const bool changes = (starts_upper(before) && starts_lower(after)) ||
                       (starts_lower(before) && starts_upper(after));
  at(features, BorderFeature::kCaseChanges) = changes && !is_inside ? 1.0 : 0.0;
  const bool is_short = count_words(before) < kShortWords || count_words(after) < kShortWords;
  at(features, BorderFeature::kIsShort) = is_short ? 1.0 : 0.0;
  return features;
}

LabelPair best_pair(const std::vector<double>& before, const std::vector<double>& after) {
  KITH_CHECK(before.size() == after.size() && before.size() >= 2, "a pair needs two labels");
  LabelPair best{0, 1, -std::numeric_limits<double>::infinity()};
  for (std::size_t i = 0; i < before.size(); ++i) {
    for (std::size_t j = 0; j < after.size(); ++j) {
      const double sum = log_of(before[i]) + log_of(after[j]);
      if (i != j && sum > best.log_probability) best = {i, j, sum};
    }
  }
  return best;
}

void add_scores(const SegmentScore& before, const SegmentScore& after, const SegmentScore& whole,
                BorderFeatures& features) {
  const LabelPair pair = best_pair(before.probabilities, after.probabilities);
  const double single = best_single(before.probabilities, after.probabilities);
  at(features, BorderFeature::kContrast) =
      std::clamp((pair.log_probability - single) / kFullContrast, -1.0, 1.0);
  at(features, BorderFeature::kConfidence) =
      before.probabilities[pair.before] * after.probabilities[pair.after];
  at(features, BorderFeature::kAbstains) = before.abstains || after.abstains ? 1.0 : 0.0;
  at(features, BorderFeature::kWholeIsSure) = greatest(whole.probabilities);
}

double dot(const BorderFeatures& weights, const BorderFeatures& features) {
  double sum = 0.0;
  for (std::size_t i = 0; i < kNumBorderFeatures; ++i) sum += weights[i] * features[i];
  return sum;
}

}  // namespace kith::persona
