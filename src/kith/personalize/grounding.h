// How much of a text stands in its sources.
//
// Two measures: the share of its content words that the sources hold, and whether every fact
// (number, code or name) in it stands there. A fluent sentence with one wrong number is the failure
// that matters, and only the second measure sees it.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace kith::personalize {

// Lower-cased words that carry meaning: stop words left out, plural endings cut, Chinese as
// bigrams. In order, each once.
std::vector<std::string> content_words(std::string_view text);

// Numbers ("14", "+44 113 555 0148" as one), codes ("HB-27", "VPN") and names (capitalized within a
// sentence), lower-cased, in order, each once. The numbering of a list is none.
std::vector<std::string> find_facts(std::string_view text);

// The words and facts of everything an answer may draw on. Not thread-safe while sources are added.
class Sources {
 public:
  void add(std::string_view text);

  bool empty() const { return tokens_.empty() && words_.empty(); }
  bool has_word(const std::string& word) const { return words_.contains(word); }
  // `fact` as find_facts() gives it.
  bool has_fact(const std::string& fact) const;

 private:
  std::set<std::string> words_;
  std::set<std::string> tokens_;
  // All tokens in order, separated by spaces, to find a fact of several.
  std::string sequence_ = " ";
};

struct Grounding {
  // Share of the content words that the sources hold, in [0, 1]; 1 for a text without any.
  double share = 1.0;
  // Facts that no source holds.
  std::vector<std::string> unknown_facts;
};

Grounding measure_grounding(std::string_view text, const Sources& sources);

// Share of `words` that stand in `text`, in [0, 1]; 0 if there are none.
double measure_overlap(const std::vector<std::string>& words, std::string_view text);

}  // namespace kith::personalize
