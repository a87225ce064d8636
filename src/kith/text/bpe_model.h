// Byte-pair encoding (Sennrich et al. 2016): a word starts as single symbols, and the adjacent pair
// with the lowest merge rank is joined until none is left.
//
// Two kinds of first symbols: one per byte (byte-level vocabularies) or one per code point, with
// <0xHH> pieces for code points the vocabulary lacks (SentencePiece's byte fallback).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "kith/base/result.h"
#include "kith/text/token.h"
#include "kith/text/vocabulary.h"
#include "kith/text/word_cache.h"

namespace kith::text {

// Ranks of pairs: a flat hash table with linear probing. Read-only once filled.
class MergeTable {
 public:
  struct Merge {
    std::uint32_t rank = 0;
    TokenId result = -1;
  };

  void reserve(std::size_t count);
  // A pair that is there already takes the new rank.
  void insert(TokenId left, TokenId right, Merge merge);
  // `result` is -1 if the pair does not merge.
  Merge find(TokenId left, TokenId right) const;

 private:
  struct Slot {
    std::uint64_t key = kEmpty;
    Merge merge;
  };
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};

  std::size_t slot_of(std::uint64_t key) const;

  std::vector<Slot> slots_ = std::vector<Slot>(2);
  std::size_t count_ = 0;
};

// Immutable after from_json(); const members are thread-safe. Encode through BpeEncoder.
class BpeModel {
 public:
  struct Options {
    bool is_byte_level = false;
    // Merges that would make one of these tokens are left out, so that only an added-token match
    // can.
    std::function<bool(TokenId)> is_control;
  };

  // Takes the vocabulary, added tokens included.
  // Errors: kInvalidArgument naming what is not supported, or a merge of unknown pieces.
  static Result<BpeModel> from_json(const nlohmann::json& node, Vocabulary vocabulary,
                                    const Options& options);

  const Vocabulary& vocabulary() const { return vocabulary_; }
  std::optional<TokenId> unknown_id() const { return unknown_id_; }

 private:
  friend class BpeEncoder;

  Status read_options(const nlohmann::json& node);
  Status read_merges(const nlohmann::json& node, const Options& options);
  Status read_merge(const nlohmann::json& node, std::uint32_t rank, const Options& options);
  void index_symbols();

  Vocabulary vocabulary_;
  MergeTable merges_;
  // Ids of the single-byte symbols (byte level) or of the <0xHH> pieces (byte fallback); -1 if
  // absent.
  std::array<TokenId, 256> byte_ids_ = {};
  std::unordered_map<char32_t, TokenId> code_point_ids_;
  std::optional<TokenId> unknown_id_;
  bool is_byte_level_ = false;
  bool has_byte_fallback_ = false;
  bool fuses_unknown_ = false;
  // A whole word that is in the vocabulary is taken without looking at merges, unless it is one of
  // the control tokens.
  bool ignores_merges_ = false;
  std::unordered_set<TokenId> control_ids_;
  // No merge joins a symbol to a following "▁", so a text may be cut there without changing the
  // result.
  bool cuts_before_metaspace_ = false;
  // The one thing that encoders write to; it changes no result.
  std::unique_ptr<WordCache> words_ = std::make_unique<WordCache>();
};

// The state of one call: reused buffers, and a cache of its own words, which may be longer than
// those that the model keeps. Not thread-safe; use one per call. Words must outlive the encoder.
class BpeEncoder {
 public:
  explicit BpeEncoder(const BpeModel& model);

  // Appends the tokens of `word` (valid UTF-8).
  void encode(std::string_view word, std::vector<TokenId>& out);

 private:
  struct Symbol {
    TokenId id;
    std::int32_t previous;
    std::int32_t next;
  };
  struct CacheSlot {
    const char* word = nullptr;
    std::uint32_t word_bytes = 0;
    std::uint32_t first_id = 0;
    std::uint32_t num_ids = 0;
    std::uint64_t hash = 0;
  };

  void encode_part(std::string_view word, std::vector<TokenId>& out);
  void encode_uncached(std::string_view word, std::vector<TokenId>& out);
  void collect_symbols(std::string_view word);
  void collect_bytes(std::string_view word);
  void collect_code_points(std::string_view word);
  void add_unknown();
  void flush_unknown();
  void merge_short();
  void merge_long();
  CacheSlot& find_slot(std::string_view word, std::uint64_t hash);
  void grow_cache();

  const BpeModel& model_;
  std::vector<TokenId> ids_;
  std::vector<MergeTable::Merge> pair_merges_;
  std::vector<Symbol> symbols_;
  bool has_pending_unknown_ = false;
  std::vector<CacheSlot> cache_;
  std::size_t num_cached_ = 0;
  std::vector<TokenId> cached_ids_;
};

}  // namespace kith::text
