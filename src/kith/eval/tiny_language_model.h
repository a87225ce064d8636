// A generator with real adapters that trains in microseconds, for tests of what compares adapters:
// a trigram model with Dirichlet back-off (MacKay and Peto 1995). An adapter's counts come on top
// of the base's, so it changes nothing where it has seen nothing.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "kith/eval/gate_data.h"
#include "kith/personalize/ports.h"

namespace kith::eval {

// Words between white space are the tokens.
inline std::vector<std::string> tiny_words(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

class TinyLanguageModel final : public personalize::Generator {
 public:
  // Trains the adapter (empty: the base) on the assistant messages, `times` over.
  void train(const std::string& adapter, const std::vector<GateText>& texts, int times = 1) {
    for (const GateText& text : texts) {
      for (std::size_t i = 1; i < text.messages.size(); ++i) {
        if (text.messages[i].role != "assistant") continue;
        learn(counts_[adapter], history(text.messages, i), text.messages[i].content, times);
      }
    }
  }

  personalize::GeneratorCapabilities capabilities() const override {
    personalize::GeneratorCapabilities capabilities;
    capabilities.has_scores = true;
    return capabilities;
  }
  bool ready() const override { return true; }
  std::vector<AdapterId> adapter_names() const override {
    std::vector<AdapterId> names;
    for (const auto& [name, counts] : counts_) {
      if (!name.empty()) names.emplace_back(name);
    }
    return names;
  }
  std::size_t count_tokens(std::string_view text) const override {
    return tiny_words(std::string(text)).size();
  }

  Result<std::vector<personalize::GeneratedText>> generate(
      const personalize::GenerationRequest& request, personalize::DeltaSink*,
      const personalize::CancelToken&) override {
    auto words = history(request.messages, request.messages.size());
    for (const auto& word : tiny_words(request.answer_prefix)) words.push_back(word);
    personalize::GeneratedText text;
    for (int i = 0; i < request.max_tokens.value_or(16); ++i) {
      const std::string* best = nullptr;
      double best_probability = 0.0;
      for (const auto& word : vocabulary_) {
        const double p = probability(request.adapters, words, word);
        if (p > best_probability) {
          best = &word;
          best_probability = p;
        }
      }
      if (best == nullptr) break;
      text.text += (text.text.empty() ? "" : " ") + *best;
      words.push_back(*best);
    }
    return std::vector<personalize::GeneratedText>{text};
  }

  Result<std::vector<double>> score(const personalize::ScoreRequest& request) override {
    std::vector<double> means;
    for (const auto& continuation : request.continuations) {
      auto words = history(request.messages, request.messages.size());
      const auto said = tiny_words(continuation);
      double sum = 0.0;
      for (const auto& word : said) {
        sum += std::log(probability(request.adapters, words, word));
        words.push_back(word);
      }
      means.push_back(sum / static_cast<double>(std::max<std::size_t>(said.size(), 1)));
    }
    return means;
  }

 private:
  struct Counts {
    std::map<std::string, double> pairs;    // "v w", and "v" alone
    std::map<std::string, double> triples;  // "u v w", and "u v" alone
    std::map<std::string, double> words;
    double total = 0.0;
  };

  static std::vector<std::string> history(const std::vector<personalize::Message>& messages,
                                          std::size_t end) {
    std::vector<std::string> words{"<s>", "<s>"};
    if (end > 0) {
      for (const auto& word : tiny_words(messages[end - 1].content)) words.push_back(word);
    }
    return words;
  }

  void learn(Counts& counts, std::vector<std::string> words, const std::string& text, int times) {
    for (const auto& word : tiny_words(text)) {
      const std::string& v = words.back();
      const std::string& u = words[words.size() - 2];
      counts.pairs[v] += times;
      counts.pairs[v + " " + word] += times;
      counts.triples[u + " " + v] += times;
      counts.triples[u + " " + v + " " + word] += times;
      counts.words[word] += times;
      counts.total += times;
      vocabulary_.insert(word);
      words.push_back(word);
    }
  }

  static double count(const std::map<std::string, double>& counts, const std::string& key) {
    const auto it = counts.find(key);
    return it == counts.end() ? 0.0 : it->second;
  }

  // A share of an adapter's update is a mixture with the base.
  double probability(const std::vector<personalize::AdapterShare>& adapters,
                     const std::vector<std::string>& words, const std::string& word) const {
    const double base = probability("", words, word);
    if (adapters.empty()) return base;
    const auto& [adapter, share] = adapters.front();
    return base + share * (probability(adapter.str(), words, word) - base);
  }

  double probability(const std::string& adapter, const std::vector<std::string>& words,
                     const std::string& word) const {
    constexpr double kPrior = 2.0;
    const std::string& v = words.back();
    const std::string& u = words[words.size() - 2];
    const auto& base = counts_.at("");
    double p = (count(base.words, word) + 1.0) /
               (base.total + static_cast<double>(vocabulary_.size()) + 1.0);
    const auto refine = [&](const std::map<std::string, double>& seen, const std::string& before) {
      p = (count(seen, before + " " + word) + kPrior * p) / (count(seen, before) + kPrior);
    };
    refine(base.pairs, v);
    refine(base.triples, u + " " + v);
    // An adapter knows longer contexts only, so that it forgets little of what it was not told.
    if (!adapter.empty()) refine(counts_.at(adapter).triples, u + " " + v);
    return p;
  }

  std::map<std::string, Counts> counts_{{"", {}}};
  std::set<std::string> vocabulary_;
};

}  // namespace kith::eval
