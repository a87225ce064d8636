#include "kith/train/bpe_trainer.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <queue>
#include <tuple>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/text/byte_symbols.h"
#include "kith/text/pre_tokenizer.h"

namespace kith::train {
namespace {

using base::OrderedJson;

constexpr std::int32_t kNumSpecial = 3;

struct Word {
  std::vector<std::int32_t> symbols;
  std::int64_t count = 0;
};

std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
         static_cast<std::uint32_t>(right);
}

struct PairState {
  std::int64_t count = 0;
  // Words that held the pair at some time; may be stale or repeated.
  std::vector<std::uint32_t> words;
};

class MergeLearner {
 public:
  explicit MergeLearner(std::vector<Word> words) : words_(std::move(words)) {
    for (std::uint32_t w = 0; w < words_.size(); ++w) {
      const auto& symbols = words_[w].symbols;
      for (std::size_t i = 1; i < symbols.size(); ++i) {
        PairState& state = pairs_[pair_key(symbols[i - 1], symbols[i])];
        state.count += words_[w].count;
        if (state.words.empty() || state.words.back() != w) state.words.push_back(w);
      }
    }
    for (const auto& [key, state] : pairs_) heap_.emplace(state.count, ~key);
  }

  // The most frequent pair (of equals the one with the smallest symbols), or a count below 2 at the
  // end.
  std::pair<std::uint64_t, std::int64_t> best() {
    while (!heap_.empty()) {
      const auto [count, inverted] = heap_.top();
      heap_.pop();
      const auto found = pairs_.find(~inverted);
      if (found == pairs_.end()) continue;
      if (found->second.count == count) return {~inverted, count};
      // Counts only fall between pushes of the same pair; put it back where it belongs.
      if (found->second.count < count && found->second.count > 1) {
        heap_.emplace(found->second.count, inverted);
      }
    }
    return {0, 0};
  }

  void merge(std::uint64_t key, std::int32_t merged) {
    const auto left = static_cast<std::int32_t>(key >> 32);
    const auto right = static_cast<std::int32_t>(key & 0xFFFFFFFFU);
    std::vector<std::uint32_t> words = std::move(pairs_[key].words);
    pairs_.erase(key);
    std::sort(words.begin(), words.end());
    words.erase(std::unique(words.begin(), words.end()), words.end());
    for (const std::uint32_t w : words) merge_in_word(w, left, right, merged);
    for (const auto& fresh : fresh_) heap_.emplace(pairs_[fresh].count, ~fresh);
    fresh_.clear();
  }

 private:
  void change(std::int32_t left, std::int32_t right, std::int64_t by, std::uint32_t word) {
    const std::uint64_t key = pair_key(left, right);
    if (by < 0) {
      const auto found = pairs_.find(key);
      if (found != pairs_.end()) found->second.count += by;
      return;
    }
    PairState& state = pairs_[key];
    state.count += by;
    if (state.words.empty() || state.words.back() != word) state.words.push_back(word);
    if (fresh_.empty() || fresh_.back() != key) fresh_.push_back(key);
  }

  void merge_in_word(std::uint32_t w, std::int32_t left, std::int32_t right, std::int32_t merged) {
    auto& symbols = words_[w].symbols;
    const std::int64_t count = words_[w].count;
    std::size_t out = 0;
    for (std::size_t i = 0; i < symbols.size(); ++i, ++out) {
      if (i + 1 >= symbols.size() || symbols[i] != left || symbols[i + 1] != right) {
        symbols[out] = symbols[i];
        continue;
      }
      if (out > 0) {
        change(symbols[out - 1], left, -count, w);
        change(symbols[out - 1], merged, count, w);
      }
      if (i + 2 < symbols.size()) {
        change(right, symbols[i + 2], -count, w);
        change(merged, symbols[i + 2], count, w);
      }
      symbols[out] = merged;
      ++i;
    }
    symbols.resize(out);
  }

  std::vector<Word> words_;
  std::unordered_map<std::uint64_t, PairState> pairs_;
  // (count, inverted key): the top is the largest count, then the smallest key.
  std::priority_queue<std::pair<std::int64_t, std::uint64_t>> heap_;
  std::vector<std::uint64_t> fresh_;
};

// Bytes in the order of their symbols, as Hugging Face numbers them.
std::vector<std::uint8_t> byte_order() {
  std::vector<std::uint8_t> order(256);
  std::iota(order.begin(), order.end(), std::uint8_t{0});
  std::sort(order.begin(), order.end(), [](std::uint8_t a, std::uint8_t b) {
    return text::byte_to_symbol(a) < text::byte_to_symbol(b);
  });
  return order;
}

OrderedJson special_token(std::int64_t id, std::string_view content) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", true}};
}

OrderedJson tokenizer_json(const BpeVocabulary& vocabulary) {
  OrderedJson added = OrderedJson::array();
  OrderedJson vocab = OrderedJson::object();
  std::int64_t id = 0;
  for (const std::string_view special : {kEndOfText, kTurnStart, kTurnEnd}) {
    added.push_back(special_token(id, special));
    vocab[std::string(special)] = id++;
  }
  for (const std::string& token : vocabulary.tokens) {
    vocab[text::bytes_to_symbols(token)] = id++;
  }
  OrderedJson merges = OrderedJson::array();
  const auto symbols = [&](std::int32_t index) {
    return text::bytes_to_symbols(vocabulary.tokens[static_cast<std::size_t>(index)]);
  };
  for (const auto& [left, right] : vocabulary.merges) {
    merges.push_back(symbols(left) + " " + symbols(right));
  }
  const auto byte_level = [](bool trim) {
    return OrderedJson{{"type", "ByteLevel"},
                       {"add_prefix_space", false},
                       {"trim_offsets", trim},
                       {"use_regex", true}};
  };
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added},
          {"normalizer", nullptr},
          {"pre_tokenizer", byte_level(true)},
          {"post_processor", byte_level(false)},
          {"decoder", byte_level(true)},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"vocab", vocab},
            {"merges", merges}}}};
}

constexpr const char* kChatTemplate =
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + "
    "message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\\n' }}{% endif %}";

OrderedJson tokenizer_config_json(std::int64_t max_length) {
  OrderedJson decoder = OrderedJson::object();
  std::int64_t id = 0;
  for (const std::string_view special : {kEndOfText, kTurnStart, kTurnEnd}) {
    OrderedJson entry = special_token(0, special);
    entry.erase("id");
    decoder[std::to_string(id++)] = entry;
  }
  return {{"tokenizer_class", "PreTrainedTokenizerFast"},
          {"added_tokens_decoder", decoder},
          {"bos_token", nullptr},
          {"eos_token", kTurnEnd},
          {"pad_token", kEndOfText},
          {"unk_token", nullptr},
          {"add_bos_token", false},
          {"add_prefix_space", false},
          {"clean_up_tokenization_spaces", false},
          {"model_max_length", max_length},
          {"chat_template", kChatTemplate}};
}

}  // namespace

void BpeTrainer::add_text(std::string_view text) {
  for (const std::string_view piece : text::pre_tokenize(text)) ++counts_[std::string(piece)];
}

BpeVocabulary BpeTrainer::train(std::int64_t vocab_size) const {
  BpeVocabulary vocabulary;
  std::array<std::int32_t, 256> symbol_of{};
  for (const std::uint8_t byte : byte_order()) {
    symbol_of[byte] = static_cast<std::int32_t>(vocabulary.tokens.size());
    vocabulary.tokens.emplace_back(1, static_cast<char>(byte));
  }
  // Sorted, so that the result does not depend on the order of a hash table.
  std::vector<std::pair<std::string_view, std::int64_t>> sorted(counts_.begin(), counts_.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<Word> words;
  words.reserve(sorted.size());
  for (const auto& [text, count] : sorted) {
    Word word{{}, count};
    for (const char c : text) word.symbols.push_back(symbol_of[static_cast<std::uint8_t>(c)]);
    words.push_back(std::move(word));
  }
  MergeLearner learner(std::move(words));
  std::unordered_map<std::string, std::int32_t> token_ids;
  const auto want = static_cast<std::size_t>(vocab_size - kNumSpecial);
  while (vocabulary.tokens.size() < want) {
    const auto [key, count] = learner.best();
    if (count < 2) break;
    const auto left = static_cast<std::int32_t>(key >> 32);
    const auto right = static_cast<std::int32_t>(key & 0xFFFFFFFFU);
    vocabulary.merges.emplace_back(left, right);
    std::string bytes = vocabulary.tokens[static_cast<std::size_t>(left)] +
                        vocabulary.tokens[static_cast<std::size_t>(right)];
    // Two merges may lead to the same bytes; they share the token.
    const auto next = static_cast<std::int32_t>(vocabulary.tokens.size());
    const auto [entry, is_new] = token_ids.try_emplace(bytes, next);
    if (is_new) vocabulary.tokens.push_back(std::move(bytes));
    learner.merge(key, entry->second);
  }
  return vocabulary;
}

Status save_tokenizer(const BpeVocabulary& vocabulary, std::int64_t max_length,
                      const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  const auto save = [&](const char* name, const OrderedJson& json) {
    return base::write_file_atomically(directory / name, json.dump(1) + "\n");
  };
  KITH_RETURN_IF_ERROR(save("tokenizer.json", tokenizer_json(vocabulary)));
  KITH_RETURN_IF_ERROR(save("tokenizer_config.json", tokenizer_config_json(max_length)));
  return save("special_tokens_map.json", {{"eos_token", kTurnEnd}, {"pad_token", kEndOfText}});
}

}  // namespace kith::train
