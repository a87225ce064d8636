#include <algorithm>
#include <limits>
#include <queue>
#include <utility>

#include "kith/text/bpe_model.h"
#include "kith/text/byte_symbols.h"
#include "kith/text/utf8.h"

namespace kith::text {
namespace {

constexpr std::string_view kMetaspace = "▁";
// Longer words are rare, and the cache would hold them for nothing.
constexpr std::size_t kMaxCachedBytes = 64;
// Slots of a new cache: a power of two. Most texts are short, and it is cleared for each.
constexpr std::size_t kFirstSlots = 64;
// Up to here a scan over the pairs is faster than a heap.
constexpr std::size_t kMaxScannedSymbols = 48;

std::uint64_t hash_word(std::string_view word) {
  std::uint64_t hash = 0xCBF29CE484222325ULL ^ word.size();
  for (const char c : word) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  }
  return hash ^ (hash >> 29);
}

struct Candidate {
  std::uint32_t rank;
  std::int32_t left;
  TokenId result;

  // For a min-heap: lowest rank first, then leftmost.
  friend bool operator<(const Candidate& a, const Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.left > b.left;
  }
};

}  // namespace

BpeEncoder::BpeEncoder(const BpeModel& model) : model_(model), cache_(kFirstSlots) {}

void BpeEncoder::encode(std::string_view word, std::vector<TokenId>& out) {
  if (!model_.cuts_before_metaspace_) return encode_part(word, out);
  std::size_t from = 0;
  std::size_t at = word.find(kMetaspace);
  while (at != std::string_view::npos) {
    const bool follows_metaspace = word.substr(from, at - from).ends_with(kMetaspace);
    if (at > from && !follows_metaspace) {
      encode_part(word.substr(from, at - from), out);
      from = at;
    }
    at = word.find(kMetaspace, at + kMetaspace.size());
  }
  if (from < word.size()) encode_part(word.substr(from), out);
}

void BpeEncoder::encode_part(std::string_view word, std::vector<TokenId>& out) {
  if (word.size() > kMaxCachedBytes) return encode_uncached(word, out);
  const std::uint64_t hash = hash_word(word);
  if (model_.words_->find(word, hash, out)) return;
  CacheSlot& slot = find_slot(word, hash);
  if (slot.word != nullptr) {
    const auto begin = cached_ids_.begin() + slot.first_id;
    out.insert(out.end(), begin, begin + slot.num_ids);
    return;
  }
  const std::size_t before = out.size();
  encode_uncached(word, out);
  model_.words_->insert(word, hash, std::span(out).subspan(before));
  // Offsets into the cache have 32 bits.
  if (cached_ids_.size() + word.size() > std::numeric_limits<std::uint32_t>::max()) return;
  slot = {word.data(), static_cast<std::uint32_t>(word.size()),
          static_cast<std::uint32_t>(cached_ids_.size()),
          static_cast<std::uint32_t>(out.size() - before), hash};
  cached_ids_.insert(cached_ids_.end(), out.begin() + static_cast<std::ptrdiff_t>(before),
                     out.end());
  if (++num_cached_ * 2 > cache_.size()) grow_cache();
}

BpeEncoder::CacheSlot& BpeEncoder::find_slot(std::string_view word, std::uint64_t hash) {
  const std::size_t mask = cache_.size() - 1;
  std::size_t at = hash & mask;
  while (cache_[at].word != nullptr &&
         (cache_[at].hash != hash ||
          std::string_view(cache_[at].word, cache_[at].word_bytes) != word)) {
    at = (at + 1) & mask;
  }
  return cache_[at];
}

void BpeEncoder::grow_cache() {
  const std::vector<CacheSlot> old =
      std::exchange(cache_, std::vector<CacheSlot>(cache_.size() * 2));
  for (const CacheSlot& slot : old) {
    if (slot.word != nullptr) find_slot({slot.word, slot.word_bytes}, slot.hash) = slot;
  }
}

void BpeEncoder::encode_uncached(std::string_view word, std::vector<TokenId>& out) {
  if (model_.ignores_merges_) {
    const auto whole =
        model_.vocabulary_.find(model_.is_byte_level_ ? bytes_to_symbols(word) : std::string(word));
    if (whole && !model_.control_ids_.contains(*whole)) {
      out.push_back(*whole);
      return;
    }
  }
  collect_symbols(word);
  if (ids_.size() <= kMaxScannedSymbols) {
    merge_short();
  } else {
    merge_long();
  }
  out.insert(out.end(), ids_.begin(), ids_.end());
}

void BpeEncoder::collect_symbols(std::string_view word) {
  ids_.clear();
  has_pending_unknown_ = false;
  if (model_.is_byte_level_) {
    collect_bytes(word);
  } else {
    collect_code_points(word);
  }
  flush_unknown();
}

void BpeEncoder::collect_bytes(std::string_view word) {
  for (const char c : word) {
    const TokenId id = model_.byte_ids_[static_cast<unsigned char>(c)];
    if (id < 0) {
      add_unknown();
    } else {
      flush_unknown();
      ids_.push_back(id);
    }
  }
}

void BpeEncoder::collect_code_points(std::string_view word) {
  for_each_code_point(word, [&](char32_t c, std::size_t offset, std::size_t length) {
    const auto known = model_.code_point_ids_.find(c);
    if (known != model_.code_point_ids_.end()) {
      flush_unknown();
      ids_.push_back(known->second);
      return;
    }
    const std::string_view bytes = word.substr(offset, length);
    const auto id_of = [this](char byte) {
      return model_.byte_ids_[static_cast<unsigned char>(byte)];
    };
    const bool falls_back =
        model_.has_byte_fallback_ &&
        std::all_of(bytes.begin(), bytes.end(), [&](char byte) { return id_of(byte) >= 0; });
    if (!falls_back) return add_unknown();
    flush_unknown();
    for (const char byte : bytes) ids_.push_back(id_of(byte));
  });
}

void BpeEncoder::add_unknown() {
  if (!model_.fuses_unknown_) flush_unknown();
  has_pending_unknown_ = model_.unknown_id_.has_value();
}

void BpeEncoder::flush_unknown() {
  if (has_pending_unknown_) ids_.push_back(*model_.unknown_id_);
  has_pending_unknown_ = false;
}

void BpeEncoder::merge_short() {
  pair_merges_.clear();
  for (std::size_t i = 0; i + 1 < ids_.size(); ++i) {
    pair_merges_.push_back(model_.merges_.find(ids_[i], ids_[i + 1]));
  }
  while (true) {
    std::size_t best = pair_merges_.size();
    for (std::size_t i = 0; i < pair_merges_.size(); ++i) {
      if (pair_merges_[i].result < 0) continue;
      if (best == pair_merges_.size() || pair_merges_[i].rank < pair_merges_[best].rank) best = i;
    }
    if (best == pair_merges_.size()) return;
    const auto at = static_cast<std::ptrdiff_t>(best);
    ids_[best] = pair_merges_[best].result;
    ids_.erase(ids_.begin() + at + 1);
    pair_merges_.erase(pair_merges_.begin() + at);
    if (best < pair_merges_.size()) {
      pair_merges_[best] = model_.merges_.find(ids_[best], ids_[best + 1]);
    }
    if (best > 0) pair_merges_[best - 1] = model_.merges_.find(ids_[best - 1], ids_[best]);
  }
}

void BpeEncoder::merge_long() {
  const auto count = static_cast<std::int32_t>(ids_.size());
  symbols_.clear();
  std::vector<Candidate> heap_storage;
  heap_storage.reserve(ids_.size());
  std::priority_queue<Candidate> heap({}, std::move(heap_storage));
  const auto consider = [&](std::int32_t left, TokenId left_id, TokenId right_id) {
    const MergeTable::Merge merge = model_.merges_.find(left_id, right_id);
    if (merge.result >= 0) heap.push({merge.rank, left, merge.result});
  };
  for (std::int32_t i = 0; i < count; ++i) {
    const auto index = static_cast<std::size_t>(i);
    symbols_.push_back({ids_[index], i - 1, i + 1 < count ? i + 1 : -1});
    if (i + 1 < count) consider(i, ids_[index], ids_[index + 1]);
  }
  const auto symbol = [this](std::int32_t i) -> Symbol& {
    return symbols_[static_cast<std::size_t>(i)];
  };
  while (!heap.empty()) {
    const Candidate top = heap.top();
    heap.pop();
    Symbol& left = symbol(top.left);
    if (left.id < 0 || left.next < 0) continue;
    Symbol& right = symbol(left.next);
    // The pair may have changed since it was queued.
    if (model_.merges_.find(left.id, right.id).result != top.result) continue;
    left.id = top.result;
    right.id = -1;
    left.next = right.next;
    if (left.next >= 0) {
      symbol(left.next).previous = top.left;
      consider(top.left, left.id, symbol(left.next).id);
    }
    if (left.previous >= 0) consider(left.previous, symbol(left.previous).id, left.id);
  }
  ids_.clear();
  for (std::int32_t i = 0; i >= 0; i = symbol(i).next) ids_.push_back(symbol(i).id);
}

}  // namespace kith::text
