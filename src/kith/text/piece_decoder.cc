#include "kith/text/piece_decoder.h"

#include <array>
#include <optional>
#include <utility>

#include "kith/text/byte_symbols.h"
#include "kith/text/json_fields.h"

namespace kith::text {
namespace {

constexpr int kMaxNesting = 16;
constexpr std::int64_t kMaxStrips = 1024;

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  return std::nullopt;
}

// The byte of a piece "<0xHH>".
std::optional<char> fallback_byte(std::string_view piece) {
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return std::nullopt;
  const auto high = hex_digit(piece[3]);
  const auto low = hex_digit(piece[4]);
  if (!high || !low) return std::nullopt;
  return static_cast<char>(*high * 16 + *low);
}

// Undoes what cutting at punctuation did to English, within one piece.
std::string tidy_spaces(std::string text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kChanges{
      {{" .", "."},
       {" ?", "?"},
       {" !", "!"},
       {" ,", ","},
       {" ' ", "'"},
       {" n't", "n't"},
       {" 'm", "'m"},
       {" do not", " don't"},
       {" 's", "'s"},
       {" 've", "'ve"},
       {" 're", "'re"}}};
  for (const auto& [from, to] : kChanges) {
    text = TextPattern{std::string(from), nullptr}.replace_all(text, to);
  }
  return text;
}

Result<std::size_t> read_count(const base::Json& node, const char* key) {
  KITH_ASSIGN_OR_RETURN(const auto value, base::read_integer(node, key));
  if (value.value_or(0) < 0 || value.value_or(0) > kMaxStrips) {
    return invalid(std::string(key) + " must be in [0, 1024]: " + std::to_string(*value));
  }
  return static_cast<std::size_t>(value.value_or(0));
}

}  // namespace

Result<PieceDecoder> PieceDecoder::from_json(const base::Json& node,
                                             const PreTokenizer& pre_tokenizer,
                                             const Vocabulary& vocabulary,
                                             const AddedTokens& added) {
  PieceDecoder decoder;
  if (node.is_null()) {
    decoder.add_default(pre_tokenizer);
  } else {
    KITH_RETURN_IF_ERROR(decoder.add_step(node, 0));
  }
  decoder.fill(vocabulary, added);
  return decoder;
}

void PieceDecoder::add_default(const PreTokenizer& pre_tokenizer) {
  Step step;
  if (pre_tokenizer.is_byte_level()) {
    step.kind = Kind::kByteLevel;
    steps_.push_back(std::move(step));
  } else if (pre_tokenizer.is_metaspace()) {
    step.pattern.literal = "▁";
    step.content = leading_strip_ = " ";
    max_leading_strips_ = 1;
    steps_.push_back(std::move(step));
  }
}

Status PieceDecoder::add_step(const base::Json& node, int depth) {
  if (depth > kMaxNesting) return invalid("decoder is nested too deep");
  KITH_ASSIGN_OR_RETURN(const std::string type, read_type(node));
  if (type == "Sequence") {
    const base::Json& parts = member(node, "decoders");
    if (!parts.is_array()) return invalid("decoders must be an array");
    for (const auto& part : parts) KITH_RETURN_IF_ERROR(add_step(part, depth + 1));
    return {};
  }
  if (type == "Strip") return add_strip(node);
  if (is_fused_) return invalid("decoder after Fuse must be Strip: " + quote_name(type));
  if (type == "Metaspace") return add_metaspace(node);
  if (type == "WordPiece") return add_word_piece(node);
  if (type == "Fuse") {
    is_fused_ = true;
    return {};
  }
  Step step;
  if (type == "ByteLevel") {
    step.kind = Kind::kByteLevel;
  } else if (type == "ByteFallback") {
    step.kind = Kind::kByteFallback;
  } else if (type == "Replace") {
    KITH_ASSIGN_OR_RETURN(step.pattern, parse_text_pattern(member(node, "pattern")));
    KITH_ASSIGN_OR_RETURN(step.content, require_string(node, "content"));
  } else {
    return invalid(
        "decoder must be ByteLevel, ByteFallback, Metaspace, WordPiece, Replace, Fuse, "
        "Strip or Sequence: " +
        quote_name(type));
  }
  steps_.push_back(std::move(step));
  return {};
}

Status PieceDecoder::add_metaspace(const base::Json& node) {
  Step step;
  KITH_ASSIGN_OR_RETURN(const auto replacement, base::read_string(node, "replacement"));
  step.pattern.literal = replacement.value_or("▁");
  step.content = " ";
  KITH_ASSIGN_OR_RETURN(const bool prefix, bool_or(node, "add_prefix_space", true));
  KITH_ASSIGN_OR_RETURN(const auto scheme, base::read_string(node, "prepend_scheme"));
  if (scheme.value_or(prefix ? "always" : "never") != "never") {
    leading_strip_ = " ";
    max_leading_strips_ = 1;
  }
  steps_.push_back(std::move(step));
  return {};
}

Status PieceDecoder::add_word_piece(const base::Json& node) {
  if (max_leading_strips_ > 0) return invalid("only one kind of leading strip is supported");
  Step step;
  step.kind = Kind::kWordPiece;
  KITH_ASSIGN_OR_RETURN(const auto prefix, base::read_string(node, "prefix"));
  step.content = prefix.value_or("##");
  KITH_ASSIGN_OR_RETURN(step.tidies, bool_or(node, "cleanup", true));
  leading_strip_ = " ";
  max_leading_strips_ = 1;
  steps_.push_back(std::move(step));
  return {};
}

Status PieceDecoder::add_strip(const base::Json& node) {
  Step step;
  step.kind = Kind::kStrip;
  KITH_ASSIGN_OR_RETURN(step.content, require_string(node, "content"));
  KITH_ASSIGN_OR_RETURN(step.start, read_count(node, "start"));
  KITH_ASSIGN_OR_RETURN(step.stop, read_count(node, "stop"));
  if (step.content.empty()) return invalid("strip content must not be empty");
  if (!is_fused_) {
    steps_.push_back(std::move(step));
    return {};
  }
  if (step.stop > 0) {
    // It would make a stream hold back text that may yet turn out to be the end.
    return invalid("strip after Fuse must have stop 0: " + std::to_string(step.stop));
  }
  if (max_leading_strips_ > 0 && leading_strip_ != step.content) {
    return invalid("only one kind of leading strip is supported");
  }
  leading_strip_ = step.content;
  max_leading_strips_ += step.start;
  return {};
}

std::string PieceDecoder::apply(const Step& step, std::string text) {
  switch (step.kind) {
    case Kind::kByteLevel:
      // A piece outside the alphabet is text already.
      return symbols_to_bytes(text).value_or(text);
    case Kind::kByteFallback:
      if (const auto byte = fallback_byte(text)) return std::string(1, *byte);
      return text;
    case Kind::kReplace:
      return step.pattern.replace_all(text, step.content);
    case Kind::kStrip:
      for (std::size_t i = 0; i < step.start && text.starts_with(step.content); ++i) {
        text.erase(0, step.content.size());
      }
      for (std::size_t i = 0; i < step.stop && text.ends_with(step.content); ++i) {
        text.erase(text.size() - step.content.size());
      }
      return text;
    case Kind::kWordPiece:
      if (text.starts_with(step.content)) return text.substr(step.content.size());
      text.insert(0, " ");
      return step.tidies ? tidy_spaces(std::move(text)) : text;
  }
  return text;
}

std::string PieceDecoder::decode_piece(std::string_view piece) const {
  std::string text(piece);
  for (const Step& step : steps_) {
    const bool is_byte = step.kind == Kind::kByteFallback && fallback_byte(text).has_value();
    text = apply(step, std::move(text));
    // A raw byte is no text that later steps could match.
    if (is_byte) break;
  }
  return text;
}

void PieceDecoder::fill(const Vocabulary& vocabulary, const AddedTokens& added) {
  offsets_.reserve(vocabulary.size() + 1);
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const AddedToken* token = added.find(id);
    // Added tokens are text as they stand: reading one as byte symbols would garble "é". Those that
    // are pieces of the model too (runs of "▁", say) decode as such.
    const bool is_plain =
        token != nullptr && steps_.size() == 1 && steps_.front().kind == Kind::kByteLevel;
    if (is_plain) {
      bytes_ += token->content;
    } else {
      bytes_ += decode_piece(vocabulary.piece(id));
    }
    offsets_.push_back(bytes_.size());
  }
}

std::string_view PieceDecoder::token_bytes(TokenId id) const {
  if (id < 0 || static_cast<std::size_t>(id) + 1 >= offsets_.size()) return {};
  const auto i = static_cast<std::size_t>(id);
  return std::string_view(bytes_).substr(offsets_[i], offsets_[i + 1] - offsets_[i]);
}

}  // namespace kith::text
