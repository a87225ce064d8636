// Text to token ids and back, from a Hugging Face tokenizer.json.
//
// Supported are models of type BPE, byte-level (GPT-2, Llama 3, Qwen 2) or with SentencePiece's
// conventions (Llama 2), and WordPiece (BERT); see normalizer.h, pre_tokenizer.h and
// piece_decoder.h for their parts.
// What a file asks for beyond that is refused by name rather than guessed.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"
#include "kith/text/token.h"

namespace kith::text {

struct EncodeOptions {
  // Adds what the file's post-processor puts around a text (begin-of-text, say).
  bool add_special_tokens = false;
  // Turns the text of control tokens ("<|im_end|>") into those tokens. Leave false for anything a
  // user wrote: no id for which is_control() holds can then come out, other than the unknown token
  // and control tokens that are a single character.
  bool parse_special = false;
  // Cuts the text's tokens so that the result, special tokens included, has at most so many; 0 does
  // not cut. Special tokens stay, even if there are more of them. The end is cut off, or the
  // beginning if the file's "truncation" says so.
  std::size_t max_tokens = 0;
};

// A stretch of a longer text.
struct TextPart {
  // Borrowed for the call.
  std::string_view text;
  // Written by a template, not by a user: control tokens in it are parsed.
  bool is_markup = false;
};

struct DecodeOptions {
  // Leaves special tokens out.
  bool skip_special = false;
  // The tokens continue an earlier text: keep a leading space that would be dropped where a text
  // begins.
  bool continues_text = false;
};

// Immutable; const members may be called from any thread. Copies share their tables.
class Tokenizer {
 public:
  // Reads tokenizer.json and, if present, tokenizer_config.json in `directory`.
  // Errors: kNotFound without tokenizer.json; kInvalidArgument for what from_json refuses.
  static Result<Tokenizer> load(const std::filesystem::path& directory);

  // The contents of both files; `config_text` may be empty.
  // Errors: kInvalidArgument for malformed JSON, an unsupported part (named), ids that clash or are
  // out
  //   of range, merges of unknown pieces.
  static Result<Tokenizer> from_json(std::string_view tokenizer_text,
                                     std::string_view config_text = {});

  // Ill-formed UTF-8 in `text` is read as U+FFFD.
  // Complexity: linear in ordinary text, O(n log n) for one word of n bytes.
  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options = {}) const;

  // The tokens of the parts, joined. Control tokens come from markup alone; what stands between two
  // of them is encoded as one text, so that the result does not depend on where parts meet.
  std::vector<TokenId> encode_parts(std::span<const TextPart> parts) const;

  // Always valid UTF-8. Ids without a token are skipped.
  std::string decode(std::span<const TokenId> ids, const DecodeOptions& options = {}) const;

  // One more than the largest id. A model's embedding may have more rows.
  std::size_t vocab_size() const;

  // The id whose piece, as the file writes it ("Ġthe", "▁the", "<|im_end|>"), is `piece`.
  std::optional<TokenId> token_to_id(std::string_view piece) const;
  // Empty for ids without a token. Lives as long as the tokenizer.
  std::string_view id_to_piece(TokenId id) const;
  // What the token adds to a text; not always whole characters. Lives as long as the tokenizer.
  std::string_view id_to_bytes(TokenId id) const;

  // Special tokens are left out by skip_special.
  bool is_special(TokenId id) const;
  // Control tokens: the special ones and those written like markers (<|..|>).
  bool is_control(TokenId id) const;

  // From tokenizer_config.json, else by the customary names.
  std::optional<TokenId> bos_id() const;
  std::optional<TokenId> eos_id() const;
  std::optional<TokenId> pad_id() const;

  // Longest input of the model, special tokens included, where tokenizer_config.json has it
  // ("model_max_length").
  std::optional<std::size_t> model_max_length() const;
  // Tokens that EncodeOptions::add_special_tokens adds.
  std::size_t num_added_tokens() const;

  // Dropped where a text begins, at most max_leading_strips() times (SentencePiece's added space).
  const std::string& leading_strip() const;
  std::size_t max_leading_strips() const;

 private:
  struct Tables;
  class Encoding;
  explicit Tokenizer(std::shared_ptr<const Tables> tables);

  std::shared_ptr<const Tables> tables_;
};

}  // namespace kith::text
