#include "kith/memory/terms.h"

#include <libstemmer.h>

#include <algorithm>
#include <memory>
#include <unordered_set>

#include "kith/text/segment.h"

namespace kith::memory {
namespace {

// Not thread-safe, so each call makes its own: about a microsecond.
class Stemmer {
 public:
  Stemmer() : stemmer_(sb_stemmer_new("english", "UTF_8"), &sb_stemmer_delete) {}

  std::string stem(const std::string& word) const {
    const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
    if (!stemmer_ || !std::all_of(word.begin(), word.end(), is_letter)) return word;
    const sb_symbol* stemmed =
        sb_stemmer_stem(stemmer_.get(), reinterpret_cast<const sb_symbol*>(word.data()),
                        static_cast<int>(word.size()));
    if (stemmed == nullptr) return word;
    return std::string(reinterpret_cast<const char*>(stemmed),
                       static_cast<std::size_t>(sb_stemmer_length(stemmer_.get())));
  }

 private:
  std::unique_ptr<sb_stemmer, void (*)(sb_stemmer*)> stemmer_;
};

// Words that ask or join and hold no subject. Segmentation has dropped apostrophes ("dont").
const std::unordered_set<std::string_view>& function_words() {
  static const std::unordered_set<std::string_view> kWords = {
      "a",      "about", "after", "all",     "also",  "am",     "an",     "and",    "any",
      "anyone", "are",   "as",    "at",      "be",    "been",   "before", "being",  "but",
      "by",     "can",   "cant",  "could",   "did",   "do",     "does",   "doesnt", "doing",
      "dont",   "each",  "ever",  "every",   "for",   "from",   "get",    "give",   "given",
      "gives",  "go",    "goes",  "got",     "had",   "has",    "have",   "having", "he",
      "hello",  "help",  "her",   "here",    "hers",  "hi",     "him",    "his",    "how",
      "i",      "id",    "if",    "ill",     "im",    "in",     "into",   "is",     "it",
      "its",    "ive",   "just",  "kind",    "know",  "let",    "like",   "long",   "made",
      "make",   "makes", "many",  "may",     "me",    "might",  "mine",   "much",   "must",
      "my",     "need",  "needs", "no",      "not",   "of",     "off",    "often",  "on",
      "once",   "one",   "ones",  "only",    "or",    "our",    "out",    "over",   "please",
      "put",    "say",   "says",  "shall",   "she",   "should", "so",     "some",   "someone",
      "soon",   "tell",  "than",  "thanks",  "that",  "the",    "their",  "them",   "then",
      "there",  "these", "they",  "this",    "those", "to",     "too",    "under",  "until",
      "up",     "us",    "use",   "used",    "very",  "want",   "was",    "we",     "were",
      "what",   "when",  "where", "whether", "which", "while",  "who",    "whom",   "whose",
      "why",    "will",  "with",  "without", "wont",  "would",  "you",    "your",   "yours"};
  return kWords;
}

// A Chinese bigram of two of these characters asks or joins ("什么", "多少", "我的").
bool is_function_bigram(std::string_view word) {
  constexpr std::string_view kCharacters =
      "的了吗呢吧啊是我你您他她它们这那哪谁什么怎样多少几何要能会可以应该得在有没不就都也还又和与及"
      "或把被给让到从对为而着过个请问时候";
  if (word.size() != 6) return false;
  for (const std::size_t at : {std::size_t{0}, std::size_t{3}}) {
    const std::size_t found = kCharacters.find(word.substr(at, 3));
    if (found == std::string_view::npos || found % 3 != 0) return false;
  }
  return true;
}

}  // namespace

std::vector<std::string> to_terms(std::string_view text) {
  const Stemmer stemmer;
  std::vector<std::string> terms = text::segment_words(text);
  for (std::string& term : terms) term = stemmer.stem(term);
  return terms;
}

std::string to_index_terms(std::string_view text) {
  std::string joined;
  for (const std::string& term : to_terms(text)) {
    if (!joined.empty()) joined += ' ';
    joined += term;
  }
  return joined;
}

std::vector<std::string> to_query_terms(std::string_view question) {
  const Stemmer stemmer;
  std::vector<std::string> terms;
  std::unordered_set<std::string> seen;
  for (const std::string& word : text::segment_words(question)) {
    if (function_words().contains(word) || is_function_bigram(word)) continue;
    std::string term = stemmer.stem(word);
    if (seen.insert(term).second) terms.push_back(std::move(term));
  }
  return terms;
}

}  // namespace kith::memory
