#include "kith/memory/needed_section.h"

#include <algorithm>
#include <string_view>

#include "kith/memory/chunker.h"
#include "kith/text/segment.h"

namespace kith::memory {
namespace {

constexpr std::size_t kMaxQuotes = 2;
constexpr int kHeadingPoints = 2;
constexpr int kMinPoints = 2;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool is_word_byte(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// Han words have no spaces around them, so only ASCII words must end where the text's does.
bool holds(const std::string& text, const std::string& word) {
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    const bool begins = at == 0 || !is_word_byte(word.front()) || !is_word_byte(text[at - 1]);
    const bool ends = end == text.size() || !is_word_byte(word.back()) || !is_word_byte(text[end]);
    if (begins && ends) return true;
  }
  return false;
}

bool holds_any(std::string_view text, const std::vector<std::string>& words) {
  const std::string lowered = lower(text);
  return std::any_of(words.begin(), words.end(),
                     [&lowered](const std::string& word) { return holds(lowered, word); });
}

std::vector<std::string> lowered(std::span<const std::string> words) {
  std::vector<std::string> out;
  for (const std::string& word : words) out.push_back(lower(word));
  return out;
}

int points_of(std::string_view heading, std::string_view body,
              const std::vector<std::string>& words) {
  int points = holds_any(heading, words) ? kHeadingPoints : 0;
  for (const text::Span& span : text::split_sentences(body)) {
    if (holds_any(body.substr(span.begin, span.size()), words)) ++points;
  }
  return points;
}

}  // namespace

std::optional<Passage> find_needed_section(const storage::DocumentRow& document,
                                           std::span<const std::string> words,
                                           std::size_t max_chunk_bytes) {
  const std::vector<std::string> wanted = lowered(words);
  const std::string_view text = document.text;
  std::optional<Passage> best;
  int best_points = kMinPoints - 1;
  const bool is_topic = holds_any(document.title, wanted);
  for (const Chunk& chunk : split_chunks(text, max_chunk_bytes)) {
    const std::string_view body = text.substr(chunk.start, chunk.end - chunk.start);
    int points = points_of(chunk.heading, body, wanted);
    if (points > 0 && is_topic) ++points;
    if (points <= best_points) continue;
    best_points = points;
    best = Passage{document.id,       document.title, chunk.heading, document.lang,
                   std::string(body), chunk.start,    chunk.end,     0.0};
  }
  return best;
}

std::vector<Quote> quote_needed_section(const Passage& passage, std::size_t index,
                                        std::span<const std::string> words) {
  const std::vector<std::string> wanted = lowered(words);
  const std::string_view text = passage.text;
  std::vector<Quote> quotes;
  for (const bool takes_holders : {true, false}) {
    for (const text::Span& span : text::split_sentences(text)) {
      if (quotes.size() == kMaxQuotes) break;
      if (holds_any(text.substr(span.begin, span.size()), wanted) != takes_holders) continue;
      quotes.push_back({index, passage.start + span.begin, passage.start + span.end, 0.0});
    }
  }
  std::sort(quotes.begin(), quotes.end(),
            [](const Quote& a, const Quote& b) { return a.start < b.start; });
  return quotes;
}

}  // namespace kith::memory
