#include "kith/personalize/candidates.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>

#include "kith/text/language.h"
#include "kith/text/segment.h"
#include "kith/text/unicode.h"
#include "kith/text/utf8.h"

namespace kith::personalize {
namespace {

constexpr double kRepetitionPenalty = 0.6;  // times the share of repeated 4-grams
constexpr double kNoEndingPenalty = 0.15;
constexpr double kTooShortPenalty = 0.3;
constexpr double kEchoPenalty = 0.4;
constexpr double kLanguagePenalty = 0.4;
constexpr double kUnmetNeedPenalty = 0.4;
// Share of the needed sentences' content words from which an answer meets the need.
constexpr double kMinNeedShare = 0.5;
constexpr std::size_t kMinWords = 3;

char32_t last_code_point(std::string_view text) {
  char32_t last = 0;
  text::for_each_code_point(text, [&last](char32_t c, std::size_t, std::size_t) {
    if (!text::is_whitespace(c)) last = c;
  });
  return last;
}

bool has_ending(const Candidate& candidate) {
  if (candidate.finish_reason == "length") return false;
  constexpr std::u32string_view kEnds = U".!?:)\"'”’。！？…；）」";
  return kEnds.find(last_code_point(candidate.text)) != std::u32string_view::npos;
}

// Says nothing that the question does not say.
bool is_echo(const std::string& text, const std::string& question) {
  Sources asked;
  asked.add(question);
  const std::vector<std::string> words = content_words(text);
  const bool adds_word = std::any_of(
      words.begin(), words.end(), [&](const std::string& word) { return !asked.has_word(word); });
  if (adds_word) return false;
  const std::vector<std::string> facts = find_facts(text);
  return std::all_of(facts.begin(), facts.end(),
                     [&](const std::string& fact) { return asked.has_fact(fact); });
}

double measure_penalty(const Candidate& candidate, const RankContext& context) {
  double penalty = kRepetitionPenalty * measure_repetition(candidate.text);
  if (!has_ending(candidate)) penalty += kNoEndingPenalty;
  const std::size_t words = text::segment_words(candidate.text).size();
  // "HB-27" is a whole answer; "It is" is none.
  if (words < kMinWords && find_facts(candidate.text).empty()) penalty += kTooShortPenalty;
  if (is_echo(candidate.text, context.question)) penalty += kEchoPenalty;
  const text::Language language = text::detect_language(candidate.text);
  if (!context.language.empty() && language.is_reliable && language.code != context.language) {
    penalty += kLanguagePenalty;
  }
  const bool meets_need =
      context.needed.empty() ||
      measure_overlap(content_words(context.needed), candidate.text) >= kMinNeedShare;
  if (!meets_need) penalty += kUnmetNeedPenalty;
  return penalty;
}

// Share of the extractive answer's facts (or, without any, of its words) that stand in `text`.
double measure_agreement(const std::string& extractive, const std::string& text) {
  if (extractive.empty()) return 0.0;
  Sources said;
  said.add(text);
  const std::vector<std::string> facts = find_facts(extractive);
  if (facts.empty()) return measure_overlap(content_words(extractive), text);
  const auto known = std::count_if(facts.begin(), facts.end(),
                                   [&](const std::string& fact) { return said.has_fact(fact); });
  return static_cast<double>(known) / static_cast<double>(facts.size());
}

// Candidates without a log-probability are taken to be as likely as the others are on average.
double mean_likelihood(const std::vector<Candidate>& candidates) {
  double sum = 0.0;
  int count = 0;
  for (const Candidate& candidate : candidates) {
    if (!candidate.mean_logprob) continue;
    sum += std::exp(std::min(0.0, *candidate.mean_logprob));
    ++count;
  }
  return count == 0 ? 0.5 : sum / count;
}

void score(Candidate& candidate, double usual_likelihood, const RankContext& context,
           const NeWeights& weights) {
  candidate.likelihood =
      candidate.mean_logprob ? std::exp(std::min(0.0, *candidate.mean_logprob)) : usual_likelihood;
  double grounding = 0.0;
  if (context.has_passages) {
    const Grounding found = measure_grounding(candidate.text, context.sources);
    const bool knows_facts = found.unknown_facts.empty();
    candidate.grounding = found.share;
    candidate.is_grounded = knows_facts && found.share >= weights.min_grounded_share &&
                            !content_words(candidate.text).empty();
    grounding = knows_facts ? found.share : 0.0;
  }
  candidate.overlap = measure_overlap(content_words(context.question), candidate.text);
  candidate.agreement = measure_agreement(context.extractive, candidate.text);
  candidate.penalty = measure_penalty(candidate, context);
  const double ne = weights.likelihood * candidate.likelihood + weights.grounding * grounding +
                    weights.overlap * candidate.overlap + weights.agreement * candidate.agreement -
                    candidate.penalty;
  candidate.ne = std::clamp(ne, 0.0, 1.0);
}

bool ends_with_han_mark(const std::string& text) {
  const char32_t last = last_code_point(text);
  return last == U'。' || last == U'！' || last == U'？' || last == U'；' || text::is_han(last);
}

}  // namespace

double measure_repetition(std::string_view text) {
  constexpr std::size_t kGram = 4;
  const std::vector<std::string> words = text::segment_words(text);
  if (words.size() <= kGram) return 0.0;
  std::set<std::array<std::string_view, kGram>> seen;
  std::size_t repeated = 0;
  const std::size_t grams = words.size() - kGram + 1;
  for (std::size_t i = 0; i < grams; ++i) {
    if (!seen.insert({words[i], words[i + 1], words[i + 2], words[i + 3]}).second) ++repeated;
  }
  return static_cast<double>(repeated) / static_cast<double>(grams);
}

std::vector<std::size_t> rank(std::vector<Candidate>& candidates, const RankContext& context,
                              const NeWeights& weights) {
  const double usual_likelihood = mean_likelihood(candidates);
  for (Candidate& candidate : candidates) score(candidate, usual_likelihood, context, weights);
  std::vector<std::size_t> order(candidates.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (candidates[a].is_grounded != candidates[b].is_grounded) return candidates[a].is_grounded;
    return candidates[a].ne > candidates[b].ne;
  });
  return order;
}

std::string render_quotes(const memory::ExtractiveAnswer& answer,
                          std::span<const memory::Passage> passages, Layout layout) {
  std::string text;
  int number = 0;
  for (const memory::Quote& quote : answer.quotes) {
    const memory::Passage& passage = passages[quote.passage];
    const std::string sentence =
        passage.text.substr(quote.start - passage.start, quote.end - quote.start);
    ++number;
    if (layout == Layout::kSentences) {
      if (!text.empty() && !ends_with_han_mark(text)) text += ' ';
    } else {
      if (!text.empty()) text += '\n';
      text += layout == Layout::kNumbered ? std::to_string(number) + ". " : "- ";
    }
    text += sentence;
  }
  return text;
}

}  // namespace kith::personalize
