#include "kith/text/bpe_model.h"

#include <algorithm>
#include <array>
#include <utility>

#include "kith/text/byte_symbols.h"
#include "kith/text/json_fields.h"
#include "kith/text/utf8.h"

namespace kith::text {
namespace {

constexpr std::string_view kMetaspace = "▁";

std::uint64_t pair_key(TokenId left, TokenId right) {
  return (std::uint64_t{static_cast<std::uint32_t>(left)} << 32) |
         static_cast<std::uint32_t>(right);
}

std::string byte_piece(unsigned byte) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  return std::string("<0x") + kDigits[byte >> 4] + kDigits[byte & 15U] + ">";
}

// The parts of "a b"; the first space divides, as pieces of such files hold none.
std::optional<std::pair<std::string_view, std::string_view>> split_merge(const base::Json& node) {
  if (node.is_string()) {
    const std::string_view text = node.get_ref<const std::string&>();
    const std::size_t space = text.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    return std::pair{text.substr(0, space), text.substr(space + 1)};
  }
  if (!node.is_array() || node.size() != 2 || !node[0].is_string() || !node[1].is_string()) {
    return std::nullopt;
  }
  return std::pair<std::string_view, std::string_view>{node[0].get_ref<const std::string&>(),
                                                       node[1].get_ref<const std::string&>()};
}

}  // namespace

void MergeTable::reserve(std::size_t count) {
  std::size_t size = 2;
  while (size < count * 2) size *= 2;
  if (size > slots_.size()) {
    const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(size));
    for (const Slot& slot : old) {
      if (slot.key != kEmpty) slots_[slot_of(slot.key)] = slot;
    }
  }
}

std::size_t MergeTable::slot_of(std::uint64_t key) const {
  const std::size_t mask = slots_.size() - 1;
  std::uint64_t hash = key * 0x9E3779B97F4A7C15ULL;
  hash ^= hash >> 32;
  std::size_t at = hash & mask;
  while (slots_[at].key != key && slots_[at].key != kEmpty) at = (at + 1) & mask;
  return at;
}

void MergeTable::insert(TokenId left, TokenId right, Merge merge) {
  reserve(count_ + 1);
  const std::uint64_t key = pair_key(left, right);
  Slot& slot = slots_[slot_of(key)];
  if (slot.key == kEmpty) ++count_;
  slot = {key, merge};
}

MergeTable::Merge MergeTable::find(TokenId left, TokenId right) const {
  return slots_[slot_of(pair_key(left, right))].merge;
}

Result<BpeModel> BpeModel::from_json(const base::Json& node, Vocabulary vocabulary,
                                     const Options& options) {
  BpeModel model;
  model.vocabulary_ = std::move(vocabulary);
  model.is_byte_level_ = options.is_byte_level;
  KITH_RETURN_IF_ERROR(model.read_options(node));
  model.index_symbols();
  KITH_RETURN_IF_ERROR(model.read_merges(member(node, "merges"), options));
  const auto num_ids = static_cast<TokenId>(model.vocabulary_.size());
  for (TokenId id = 0; options.is_control && id < num_ids; ++id) {
    if (options.is_control(id)) model.control_ids_.insert(id);
  }
  return model;
}

Status BpeModel::read_options(const base::Json& node) {
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    KITH_ASSIGN_OR_RETURN(const auto affix, base::read_string(node, key));
    if (affix && !affix->empty()) {
      return invalid("model." + std::string(key) + " is not supported: " + quote_name(*affix));
    }
  }
  KITH_ASSIGN_OR_RETURN(has_byte_fallback_, bool_or(node, "byte_fallback", false));
  KITH_ASSIGN_OR_RETURN(fuses_unknown_, bool_or(node, "fuse_unk", false));
  KITH_ASSIGN_OR_RETURN(ignores_merges_, bool_or(node, "ignore_merges", false));
  KITH_ASSIGN_OR_RETURN(const auto unknown, base::read_string(node, "unk_token"));
  if (unknown) {
    unknown_id_ = vocabulary_.find(*unknown);
    if (!unknown_id_) return invalid("model.unk_token is not in the vocabulary");
  }
  return {};
}

void BpeModel::index_symbols() {
  byte_ids_.fill(-1);
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::string symbol;
    if (is_byte_level_) {
      append_utf8(symbol, byte_to_symbol(static_cast<std::uint8_t>(byte)));
    } else {
      symbol = byte_piece(byte);
    }
    byte_ids_[byte] = vocabulary_.find(symbol).value_or(-1);
  }
  // Falling back to bytes is all or nothing for a character; SentencePiece writes all 256.
  if (is_byte_level_) return;
  for (std::size_t id = 0; id < vocabulary_.size(); ++id) {
    const std::string_view piece = vocabulary_.piece(static_cast<TokenId>(id));
    if (piece.empty()) continue;
    const DecodedCodePoint step = decode_code_point(piece, 0);
    if (step.well_formed && step.length == piece.size()) {
      code_point_ids_.emplace(step.value, static_cast<TokenId>(id));
    }
  }
}

Status BpeModel::read_merges(const base::Json& node, const Options& options) {
  if (!node.is_array()) return invalid("model.merges must be an array");
  merges_.reserve(node.size());
  cuts_before_metaspace_ =
      !is_byte_level_ && !ignores_merges_ && vocabulary_.find(kMetaspace).has_value();
  for (std::size_t i = 0; i < node.size(); ++i) {
    if (auto status = read_merge(node[i], static_cast<std::uint32_t>(i), options); !status) {
      return std::move(status).error().with_context("merge " + std::to_string(i));
    }
  }
  return {};
}

Status BpeModel::read_merge(const base::Json& node, std::uint32_t rank, const Options& options) {
  const auto parts = split_merge(node);
  if (!parts) return invalid("must be \"a b\" or [\"a\", \"b\"]");
  const auto [left, right] = *parts;
  const auto left_id = vocabulary_.find(left);
  const auto right_id = vocabulary_.find(right);
  const auto result = vocabulary_.find(std::string(left).append(right));
  if (!left_id || !right_id || !result) {
    return invalid("names a piece that is not in the vocabulary");
  }
  if (options.is_control && options.is_control(*result)) return {};
  if (right.starts_with(kMetaspace) && !left.ends_with(kMetaspace)) cuts_before_metaspace_ = false;
  merges_.insert(*left_id, *right_id, {rank, *result});
  return {};
}

}  // namespace kith::text
