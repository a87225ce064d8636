#include <algorithm>
#include <map>

#include "kith/eval/suites.h"
#include "kith/personalize/composer.h"
#include "kith/text/segment.h"
#include "kith/text/utf8.h"

namespace kith::eval {

std::string passage_with(const DeskArticle& article, const std::string& fact) {
  constexpr std::size_t kMaxBytes = 900;
  const std::string& text = article.text;
  const std::size_t at = text.find(fact);
  if (at == std::string::npos) return std::string(text::truncate_utf8(text, kMaxBytes));
  const std::size_t before = text.rfind("\n\n", at);
  const std::size_t begin = before == std::string::npos ? 0 : before + 2;
  const std::string_view rest = std::string_view(text).substr(begin);
  std::string_view passage =
      text::truncate_utf8(rest, std::max(kMaxBytes, at - begin + fact.size()));
  if (passage.size() == rest.size()) return std::string(passage);
  // End with a paragraph, or at least with a sentence, behind the fact.
  const std::size_t paragraph = passage.rfind("\n\n");
  if (paragraph != std::string_view::npos && begin + paragraph > at + fact.size()) {
    return std::string(passage.substr(0, paragraph));
  }
  const auto sentences = text::split_sentences(passage);
  if (sentences.size() > 1 && begin + sentences[sentences.size() - 2].end > at + fact.size()) {
    return std::string(passage.substr(0, sentences[sentences.size() - 2].end));
  }
  return std::string(passage);
}

std::string evidence_text(const std::string& question, std::span<const memory::Passage> passages) {
  const auto evidence = personalize::find_evidence(question, passages);
  return evidence ? evidence->text : std::string();
}

std::string middle_of(const std::string& text) {
  const auto sentences = text::split_sentences(text);
  if (sentences.size() < 3) return {};
  const std::size_t begin = sentences[1].begin;
  const std::size_t end = sentences[sentences.size() - 2].end;
  return text.substr(begin, end - begin);
}

bool repeats_itself(const std::string& text) {
  const auto words = text::segment_words(text);
  std::map<std::vector<std::string>, int> counts;
  for (std::size_t i = 0; i + 4 <= words.size(); ++i) {
    const std::vector<std::string> gram(words.begin() + static_cast<std::ptrdiff_t>(i),
                                        words.begin() + static_cast<std::ptrdiff_t>(i + 4));
    if (++counts[gram] > 2) return true;
  }
  return false;
}

}  // namespace kith::eval
