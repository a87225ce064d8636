#include "kith/memory/extract.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "kith/memory/terms.h"
#include "kith/text/segment.h"

namespace kith::memory {
namespace {

using TermSet = std::unordered_set<std::string>;

constexpr double kHeadingShare = 0.5;
constexpr double kTitleShare = 0.25;
constexpr double kPassageShare = 0.25;
constexpr double kNumberBonus = 0.15;
constexpr double kNeighbourShare = 0.25;

struct Sentence {
  Quote quote;
  std::string_view text;
  TermSet terms;
  bool has_number = false;
};

TermSet to_set(std::string_view text) {
  const std::vector<std::string> terms = to_terms(text);
  return TermSet(terms.begin(), terms.end());
}

bool has_digit(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Whether the answer is likely to hold a number or a code.
bool asks_for_number(std::string_view question) {
  constexpr std::array<std::string_view, 20> kMarks = {
      "how long",     "how many",   "how much",  "how soon",     "how often",
      "how old",      "how far",    "what time", "which number", "which code",
      "phone number", "until when", "多少",      "多久",         "多长",
      "几",           "哪个号",     "什么码",    "错误码",       "what number"};
  std::string lower(question);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return std::any_of(kMarks.begin(), kMarks.end(),
                     [&](std::string_view mark) { return lower.find(mark) != std::string::npos; });
}

std::vector<Sentence> split(std::span<const Passage> passages) {
  std::vector<Sentence> sentences;
  for (std::size_t p = 0; p < passages.size(); ++p) {
    const std::string_view text = passages[p].text;
    for (const text::Span& span : text::split_sentences(text)) {
      const std::string_view words = text.substr(span.begin, span.size());
      sentences.push_back(
          Sentence{Quote{p, passages[p].start + span.begin, passages[p].start + span.end, 0.0},
                   words, to_set(words), has_digit(words)});
    }
  }
  return sentences;
}

// Question terms with their weight: idf over the sentences.
std::unordered_map<std::string, double> weigh_terms(std::string_view question,
                                                    const std::vector<Sentence>& sentences) {
  std::unordered_map<std::string, double> weights;
  const auto num_sentences = static_cast<double>(sentences.size());
  for (const std::string& term : to_query_terms(question)) {
    const auto holding = std::count_if(sentences.begin(), sentences.end(),
                                       [&](const Sentence& s) { return s.terms.contains(term); });
    weights[term] = std::log(1.0 + (num_sentences + 1.0) / (static_cast<double>(holding) + 0.5));
  }
  return weights;
}

class Extractor {
 public:
  Extractor(std::string_view question, std::span<const Passage> passages)
      : passages_(passages),
        sentences_(split(passages)),
        weights_(weigh_terms(question, sentences_)),
        asks_for_number_(asks_for_number(question)) {
    for (const auto& [term, weight] : weights_) total_ += weight;
    for (const Passage& passage : passages) {
      headings_.push_back(to_set(passage.heading));
      titles_.push_back(to_set(passage.title));
    }
  }

  std::optional<ExtractiveAnswer> run(const ExtractOptions& options) {
    if (total_ == 0.0) return std::nullopt;
    score_sentences();
    std::vector<const Sentence*> ranked;
    for (const Sentence& sentence : sentences_) {
      if (sentence.quote.score > 0.0) ranked.push_back(&sentence);
    }
    if (ranked.empty()) return std::nullopt;
    std::stable_sort(ranked.begin(), ranked.end(), [](const Sentence* a, const Sentence* b) {
      return a->quote.score > b->quote.score;
    });
    return assemble(choose(ranked, options));
  }

 private:
  // A sentence beside a good one often holds what that one announces ("It is granted by ...").
  void score_sentences() {
    std::vector<double> own;
    for (const Sentence& sentence : sentences_) own.push_back(score(sentence));
    for (std::size_t i = 0; i < sentences_.size(); ++i) {
      double neighbour = 0.0;
      if (i > 0 && is_same_passage(i - 1, i)) neighbour = own[i - 1];
      if (i + 1 < own.size() && is_same_passage(i, i + 1)) {
        neighbour = std::max(neighbour, own[i + 1]);
      }
      sentences_[i].quote.score = own[i] + kNeighbourShare * neighbour;
    }
  }

  bool is_same_passage(std::size_t a, std::size_t b) const {
    return sentences_[a].quote.passage == sentences_[b].quote.passage;
  }

  double score(const Sentence& sentence) const {
    double held = 0.0;
    double from_body = 0.0;
    for (const auto& [term, weight] : weights_) {
      if (sentence.terms.contains(term)) {
        held += weight;
        from_body += weight;
      } else if (headings_[sentence.quote.passage].contains(term)) {
        held += kHeadingShare * weight;
      } else if (titles_[sentence.quote.passage].contains(term)) {
        held += kTitleShare * weight;
      }
    }
    if (from_body == 0.0) return 0.0;
    const double best = std::max(passages_.front().score, 1e-9);
    const double rank = std::clamp(passages_[sentence.quote.passage].score / best, 0.0, 1.0);
    return held / total_ + kPassageShare * rank +
           (asks_for_number_ && sentence.has_number ? kNumberBonus : 0.0);
  }

  static std::vector<const Sentence*> choose(const std::vector<const Sentence*>& ranked,
                                             const ExtractOptions& options) {
    std::vector<const Sentence*> chosen;
    std::size_t bytes = 0;
    for (const Sentence* sentence : ranked) {
      if (chosen.size() >= std::max<std::size_t>(options.max_sentences, 1)) break;
      const bool fits = bytes + sentence->text.size() <= options.max_bytes;
      const bool is_good = sentence->quote.score >= options.min_share * ranked.front()->quote.score;
      if (!chosen.empty() && (!fits || !is_good)) continue;
      bytes += sentence->text.size();
      chosen.push_back(sentence);
    }
    // As in the documents: what was written first reads better first.
    std::stable_sort(chosen.begin(), chosen.end(), [](const Sentence* a, const Sentence* b) {
      return std::pair(a->quote.passage, a->quote.start) <
             std::pair(b->quote.passage, b->quote.start);
    });
    return chosen;
  }

  ExtractiveAnswer assemble(const std::vector<const Sentence*>& chosen) const {
    ExtractiveAnswer answer;
    for (const Sentence* sentence : chosen) {
      if (!answer.text.empty()) answer.text += ' ';
      answer.text += sentence->text;
      answer.quotes.push_back(sentence->quote);
    }
    for (const auto& entry : weights_) {
      const std::string& term = entry.first;
      const bool is_held = std::any_of(chosen.begin(), chosen.end(), [&](const Sentence* s) {
        return s->terms.contains(term) || headings_[s->quote.passage].contains(term) ||
               titles_[s->quote.passage].contains(term);
      });
      if (is_held) answer.coverage += entry.second / total_;
    }
    return answer;
  }

  std::span<const Passage> passages_;
  std::vector<Sentence> sentences_;
  std::unordered_map<std::string, double> weights_;
  bool asks_for_number_;
  double total_ = 0.0;
  std::vector<TermSet> headings_;
  std::vector<TermSet> titles_;
};

}  // namespace

std::optional<ExtractiveAnswer> extract_answer(std::string_view question,
                                               std::span<const Passage> passages,
                                               const ExtractOptions& options) {
  if (passages.empty()) return std::nullopt;
  return Extractor(question, passages).run(options);
}

}  // namespace kith::memory
