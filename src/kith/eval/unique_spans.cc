#include "kith/eval/unique_spans.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "kith/base/fingerprint.h"
#include "kith/base/rng.h"
#include "kith/text/utf8.h"

namespace kith::eval {
namespace {

struct Word {
  std::size_t begin = 0;
  std::size_t end = 0;
};

bool is_space(char32_t c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == 0x3000; }

// Han, kana and hangul: a character is a word.
bool stands_alone(char32_t c) { return c >= 0x2E80 && c < 0xFB00; }

std::vector<Word> words_of(std::string_view text) {
  std::vector<Word> words;
  bool is_open = false;
  text::for_each_code_point(text, [&](char32_t c, std::size_t offset, std::size_t length) {
    if (is_space(c)) {
      is_open = false;
    } else if (stands_alone(c) || !is_open) {
      words.push_back({offset, offset + length});
      is_open = !stands_alone(c);
    } else {
      words.back().end = offset + length;
    }
  });
  return words;
}

std::uint64_t hash_of(std::string_view text, std::span<const Word> words) {
  std::uint64_t hash = base::kHashSeed;
  for (const Word& word : words) {
    hash = base::hash_bytes(text.substr(word.begin, word.end - word.begin), hash);
    hash = base::hash_bytes(" ", hash);
  }
  return hash;
}

// Who has a run of words: the number of the one unit, or kShared.
constexpr std::size_t kShared = ~std::size_t{0};
using Owners = std::unordered_map<std::uint64_t, std::size_t>;

void add_runs(const GateText& text, std::size_t unit, std::size_t length, Owners& owners) {
  for (const auto& message : text.messages) {
    const auto words = words_of(message.content);
    for (std::size_t i = 0; i + length <= words.size(); ++i) {
      const auto hash = hash_of(message.content, std::span(words).subspan(i, length));
      const auto [it, is_new] = owners.try_emplace(hash, unit);
      if (!is_new && it->second != unit) it->second = kShared;
    }
  }
}

// The runs of one assistant message that only `unit` has, one after the other.
void find_in_message(const GateText& text, std::size_t index, std::size_t unit,
                     const UniqueSpanOptions& options, const Owners& owners,
                     std::vector<LeakProbe>& found) {
  const std::string& content = text.messages[index].content;
  const auto words = words_of(content);
  for (std::size_t i = options.prefix_words; i + options.words <= words.size();) {
    const auto run = std::span(words).subspan(i, options.words);
    if (owners.at(hash_of(content, run)) != unit) {
      ++i;
      continue;
    }
    const auto before = std::span(text.messages).first(index);
    found.push_back(
        {.unit = text.unit,
         .messages = {before.begin(), before.end()},
         .prefix = content.substr(0, words[i - 1].end),
         .secret = content.substr(run.front().begin, run.back().end - run.front().begin)});
    i += options.words;
  }
}

template <typename T>
void draw(std::vector<T>& items, std::size_t count, base::Rng& rng) {
  for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[rng.below(i)]);
  if (items.size() > count) items.resize(count);
}

}  // namespace

std::vector<LeakProbe> find_unique_spans(std::span<const GateText> texts,
                                         const UniqueSpanOptions& options) {
  std::map<std::string, std::size_t> units;
  Owners owners;
  for (const GateText& text : texts) {
    const std::size_t unit = units.try_emplace(text.unit, units.size()).first->second;
    add_runs(text, unit, options.words, owners);
  }
  std::map<std::size_t, std::vector<LeakProbe>> by_unit;
  for (const GateText& text : texts) {
    const std::size_t unit = units.at(text.unit);
    for (std::size_t i = 1; i < text.messages.size(); ++i) {
      if (text.messages[i].role != "assistant") continue;
      find_in_message(text, i, unit, options, owners, by_unit[unit]);
    }
  }
  base::Rng rng(options.seed);
  std::vector<LeakProbe> probes;
  for (auto& [unit, found] : by_unit) {
    draw(found, options.per_unit, rng);
    probes.insert(probes.end(), std::make_move_iterator(found.begin()),
                  std::make_move_iterator(found.end()));
  }
  draw(probes, options.max_total, rng);
  return probes;
}

}  // namespace kith::eval
