#include "kith/text/tokenizer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "kith/base/file.h"
#include "kith/text/added_tokens.h"
#include "kith/text/json_fields.h"
#include "kith/text/normalizer.h"
#include "kith/text/piece_decoder.h"
#include "kith/text/post_processor.h"
#include "kith/text/pre_tokenizer.h"
#include "kith/text/stream_decoder.h"
#include "kith/text/token_model.h"
#include "kith/text/utf8.h"

namespace kith::text {

struct Tokenizer::Tables {
  Normalizer normalizer;
  AddedTokens added;
  PreTokenizer pre_tokenizer;
  TokenModel model;
  PieceDecoder decoder;
  PostProcessor post_processor;
  std::optional<TokenId> bos_id;
  std::optional<TokenId> eos_id;
  std::optional<TokenId> pad_id;
  std::optional<std::size_t> model_max_length;
  bool truncates_left = false;
};

namespace {

// Real files reach 35 MB.
constexpr std::size_t kMaxFileBytes = std::size_t{256} << 20;

// "bos_token" is a string, or an object with the string in "content".
std::optional<TokenId> configured_token(const base::Json& config, const char* key,
                                        const Vocabulary& vocabulary) {
  const base::Json* value = &member(config, key);
  if (value->is_object()) value = &member(*value, "content");
  if (!value->is_string()) return std::nullopt;
  return vocabulary.find(value->get_ref<const std::string&>());
}

std::optional<TokenId> first_known(std::initializer_list<std::string_view> names,
                                   const Vocabulary& vocabulary) {
  for (const std::string_view name : names) {
    if (const auto id = vocabulary.find(name)) return id;
  }
  return std::nullopt;
}

// Files write a number beyond any length (1e30) for "no limit".
std::optional<std::size_t> read_max_length(const base::Json& config) {
  constexpr std::uint64_t kMaxLength = std::uint64_t{1} << 24;
  const base::Json& value = member(config, "model_max_length");
  if (!value.is_number_unsigned()) return std::nullopt;
  const auto length = value.get<std::uint64_t>();
  if (length < 1 || length > kMaxLength) return std::nullopt;
  return static_cast<std::size_t>(length);
}

// Whether "truncation" cuts at the beginning. How much is cut is for the caller to say.
Result<bool> read_truncates_left(const base::Json& node) {
  if (node.is_null()) return false;
  if (!node.is_object()) return invalid("truncation must be an object");
  KITH_ASSIGN_OR_RETURN(const auto direction, base::read_string(node, "direction"));
  if (!direction || *direction == "Right") return false;
  if (*direction == "Left") return true;
  return invalid("truncation.direction must be Left or Right: " + quote_name(*direction));
}

// Tokenizers of the Llama 2 kind build their template from the configuration, whatever the file
// says.
void apply_legacy_options(const base::Json& config, std::optional<TokenId> bos,
                          std::optional<TokenId> eos, PostProcessor& processor) {
  const base::Json& name = member(config, "tokenizer_class");
  if (!name.is_string()) return;
  const std::string& kind = name.get_ref<const std::string&>();
  const bool is_legacy = kind.starts_with("LlamaTokenizer") ||
                         kind.starts_with("CodeLlamaTokenizer") ||
                         kind.starts_with("GemmaTokenizer");
  if (!is_legacy) return;
  const base::Json& adds_bos = member(config, "add_bos_token");
  const base::Json& adds_eos = member(config, "add_eos_token");
  if (adds_bos.is_boolean()) {
    processor.prefix.clear();
    if (adds_bos.get<bool>() && bos) processor.prefix.push_back(*bos);
  }
  if (adds_eos.is_boolean()) {
    processor.suffix.clear();
    if (adds_eos.get<bool>() && eos) processor.suffix.push_back(*eos);
  }
}

}  // namespace

Tokenizer::Tokenizer(std::shared_ptr<const Tables> tables) : tables_(std::move(tables)) {}

Result<Tokenizer> Tokenizer::load(const std::filesystem::path& directory) {
  KITH_ASSIGN_OR_RETURN(const std::string text,
                        base::read_file(directory / "tokenizer.json", kMaxFileBytes));
  auto config = base::read_file(directory / "tokenizer_config.json", kMaxFileBytes);
  if (!config && config.error().code != ErrorCode::kNotFound) return std::move(config).error();
  auto tokenizer = from_json(text, config ? std::string_view(*config) : std::string_view());
  if (!tokenizer) {
    return std::move(tokenizer).error().with_context("tokenizer of " + directory.string());
  }
  return tokenizer;
}

Result<Tokenizer> Tokenizer::from_json(std::string_view tokenizer_text,
                                       std::string_view config_text) {
  KITH_ASSIGN_OR_RETURN(const base::Json root, base::parse_json(tokenizer_text));
  base::Json config;
  if (!config_text.empty()) {
    KITH_ASSIGN_OR_RETURN(config, base::parse_json(config_text));
  }
  auto tables = std::make_shared<Tables>();
  Vocabulary vocabulary;
  KITH_RETURN_IF_ERROR(TokenModel::read_vocabulary(member(root, "model"), vocabulary));
  KITH_ASSIGN_OR_RETURN(tables->normalizer, Normalizer::from_json(member(root, "normalizer")));
  KITH_ASSIGN_OR_RETURN(tables->added, AddedTokens::from_json(member(root, "added_tokens"),
                                                              tables->normalizer, vocabulary));
  KITH_ASSIGN_OR_RETURN(tables->pre_tokenizer,
                        PreTokenizer::from_json(member(root, "pre_tokenizer")));
  const BpeModel::Options options{
      tables->pre_tokenizer.is_byte_level(),
      [added = &tables->added](TokenId id) { return added->is_control(id); }};
  KITH_ASSIGN_OR_RETURN(
      tables->model, TokenModel::from_json(member(root, "model"), std::move(vocabulary), options));
  const Vocabulary& known = tables->model.vocabulary();
  KITH_ASSIGN_OR_RETURN(tables->decoder,
                        PieceDecoder::from_json(member(root, "decoder"), tables->pre_tokenizer,
                                                known, tables->added));
  KITH_ASSIGN_OR_RETURN(tables->post_processor,
                        parse_post_processor(member(root, "post_processor"), known));
  tables->bos_id = configured_token(config, "bos_token", known);
  tables->eos_id = configured_token(config, "eos_token", known);
  tables->pad_id = configured_token(config, "pad_token", known);
  tables->model_max_length = read_max_length(config);
  KITH_ASSIGN_OR_RETURN(tables->truncates_left, read_truncates_left(member(root, "truncation")));
  if (!tables->bos_id && config.is_null()) {
    tables->bos_id = first_known({"<|begin_of_text|>", "<s>", "<bos>", "<|endoftext|>"}, known);
  }
  if (!tables->eos_id) {
    tables->eos_id = first_known(
        {"<|im_end|>", "<|eot_id|>", "<|end_of_text|>", "</s>", "<eos>", "<|endoftext|>"}, known);
  }
  apply_legacy_options(config, tables->bos_id, tables->eos_id, tables->post_processor);
  return Tokenizer(std::move(tables));
}

// One call: the tokens so far and the buffers behind them.
class Tokenizer::Encoding {
 public:
  explicit Encoding(const Tables& tables) : tables_(tables), encoder_(tables.model) {}

  void reserve(std::size_t text_bytes) { ids_.reserve(ids_.size() + text_bytes / 3 + 16); }
  void add_id(TokenId id) { ids_.push_back(id); }
  void add_ids(std::span<const TokenId> ids) { ids_.insert(ids_.end(), ids.begin(), ids.end()); }
  // Leaves at most `room` tokens from index `begin` on.
  void cut(std::size_t begin, std::size_t room) {
    if (ids_.size() <= begin + room) return;
    const auto first = ids_.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto excess = static_cast<std::ptrdiff_t>(ids_.size() - begin - room);
    if (tables_.truncates_left) {
      ids_.erase(first, first + excess);
    } else {
      ids_.erase(ids_.end() - excess, ids_.end());
    }
  }
  std::vector<TokenId> take_ids() { return std::move(ids_); }

  // A copy of `text` that lives as long as this object and is valid UTF-8.
  std::string_view keep(std::string_view text) {
    return arena_.emplace_back(is_valid_utf8(text) ? std::string(text) : sanitize_utf8(text));
  }

  // `text` must be valid UTF-8 and outlive this object; `at_start` tells whether it begins the
  // whole.
  void add_text(std::string_view text, bool at_start, bool parses_control) {
    std::vector<Segment> segments;
    tables_.added.split(text, AddedTokens::Stage::kRaw, parses_control, segments);
    for (const Segment& segment : segments) {
      if (segment.id >= 0) {
        ids_.push_back(segment.id);
      } else {
        add_segment(segment.text, at_start && segment.text.data() == text.data(), parses_control);
      }
    }
  }

 private:
  void add_segment(std::string_view text, bool at_start, bool parses_control) {
    std::string_view normalized = text;
    if (!tables_.normalizer.is_identity()) {
      normalized = arena_.emplace_back(tables_.normalizer.normalize(text));
    }
    std::vector<Segment> segments;
    tables_.added.split(normalized, AddedTokens::Stage::kNormalized, parses_control, segments);
    for (const Segment& segment : segments) {
      if (segment.id >= 0) {
        ids_.push_back(segment.id);
        continue;
      }
      const bool begins = at_start && segment.text.data() == normalized.data();
      for (const Piece& piece : tables_.pre_tokenizer.split(segment.text, begins, arena_)) {
        encoder_.encode(piece.text, ids_);
      }
    }
  }

  const Tables& tables_;
  // Words in the encoder's cache are views into the arena or the caller's text.
  PieceArena arena_;
  TokenEncoder encoder_;
  std::vector<TokenId> ids_;
};

std::vector<TokenId> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  Encoding encoding(*tables_);
  if (!is_valid_utf8(text)) text = encoding.keep(text);
  encoding.reserve(text.size());
  const PostProcessor& around = tables_->post_processor;
  const std::size_t before = options.add_special_tokens ? around.prefix.size() : 0;
  if (options.add_special_tokens) encoding.add_ids(around.prefix);
  encoding.add_text(text, true, options.parse_special);
  if (options.max_tokens > 0) {
    const std::size_t added = options.add_special_tokens ? num_added_tokens() : 0;
    encoding.cut(before, options.max_tokens - std::min(options.max_tokens, added));
  }
  if (options.add_special_tokens) encoding.add_ids(around.suffix);
  return encoding.take_ids();
}

std::vector<TokenId> Tokenizer::encode_parts(std::span<const TextPart> parts) const {
  Encoding encoding(*tables_);
  std::string run;
  bool at_start = true;
  const auto flush = [&] {
    if (run.empty()) return;
    encoding.add_text(encoding.keep(run), at_start, false);
    at_start = false;
    run.clear();
  };
  std::vector<Segment> segments;
  for (const TextPart& part : parts) {
    segments.clear();
    if (part.is_markup) {
      tables_->added.split(part.text, AddedTokens::Stage::kControl, true, segments);
    } else {
      segments.push_back({part.text, -1});
    }
    for (const Segment& segment : segments) {
      if (segment.id < 0) {
        run += segment.text;
        continue;
      }
      flush();
      encoding.add_id(segment.id);
      at_start = false;
    }
  }
  flush();
  return encoding.take_ids();
}

std::string Tokenizer::decode(std::span<const TokenId> ids, const DecodeOptions& options) const {
  StreamDecoder stream(*this, options);
  std::string text;
  for (const TokenId id : ids) text += stream.append(id);
  return text += stream.finish();
}

std::size_t Tokenizer::vocab_size() const { return tables_->model.vocabulary().size(); }

std::optional<TokenId> Tokenizer::token_to_id(std::string_view piece) const {
  return tables_->model.vocabulary().find(piece);
}

std::string_view Tokenizer::id_to_piece(TokenId id) const {
  return tables_->model.vocabulary().piece(id);
}

std::string_view Tokenizer::id_to_bytes(TokenId id) const {
  return tables_->decoder.token_bytes(id);
}

bool Tokenizer::is_special(TokenId id) const { return tables_->added.is_special(id); }
bool Tokenizer::is_control(TokenId id) const { return tables_->added.is_control(id); }
std::optional<TokenId> Tokenizer::bos_id() const { return tables_->bos_id; }
std::optional<TokenId> Tokenizer::eos_id() const { return tables_->eos_id; }
std::optional<TokenId> Tokenizer::pad_id() const { return tables_->pad_id; }

std::optional<std::size_t> Tokenizer::model_max_length() const { return tables_->model_max_length; }

std::size_t Tokenizer::num_added_tokens() const {
  return tables_->post_processor.prefix.size() + tables_->post_processor.suffix.size();
}

const std::string& Tokenizer::leading_strip() const { return tables_->decoder.leading_strip(); }

std::size_t Tokenizer::max_leading_strips() const { return tables_->decoder.max_leading_strips(); }

}  // namespace kith::text
