// Texts to vectors: tokenizer, encoder, pooling and normalisation of one sentence-transformers
// directory (Reimers and Gurevych 2019).
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"
#include "kith/model/encoder.h"
#include "kith/model/sentence_config.h"
#include "kith/text/token.h"
#include "kith/text/tokenizer.h"

namespace kith::model {

struct TokenizedText {
  // Special tokens included.
  std::vector<text::TokenId> tokens;
  // The text was longer; this is its beginning.
  bool is_cut = false;
};

// Immutable but for the encoder's buffers: embed() belongs to one thread at a time, everything else
// may be called from any.
class SentenceEncoder {
 public:
  // Errors: those of load_sentence_config(), Encoder::load() and text::Tokenizer::load();
  //   kInvalidArgument if the tokenizer knows more tokens than the encoder, or texts could not hold
  //   a token beside the special ones.
  static Result<std::unique_ptr<SentenceEncoder>> load(const std::filesystem::path& dir,
                                                       const EncoderOptions& options = {});

  // Name of the directory.
  const std::string& name() const { return name_; }
  // Of every vector.
  int dimensions() const { return encoder_->config().hidden_size; }
  // Longest text, special tokens included.
  int max_tokens() const { return max_tokens_; }
  int vocab_size() const { return encoder_->config().vocab_size; }
  const Encoder& encoder() const { return *encoder_; }
  const SentenceConfig& config() const { return config_; }

  // What a person wrote never becomes a special token. A longer text is cut if `cuts`.
  // Errors: kInvalidArgument, with length and limit, for a text that is too long.
  Result<TokenizedText> tokenize(std::string_view text, bool cuts) const;

  // Errors: kInvalidArgument for no tokens, too many, or one outside the vocabulary.
  Status check(std::span<const text::TokenId> tokens) const;

  // One vector for each text, in one pass; bit for bit the one that it would have alone.
  //   texts: each as from tokenize()
  //   vectors: [texts.size(), dimensions()], resized
  // Errors: those of check() and Encoder::forward().
  Status embed(std::span<const std::span<const text::TokenId>> texts, std::vector<float>& vectors);

 private:
  SentenceEncoder(std::string name, SentenceConfig config, std::unique_ptr<Encoder> encoder,
                  text::Tokenizer tokenizer);

  void pool(std::span<const float> states, std::span<float> vector) const;

  std::string name_;
  SentenceConfig config_;
  std::unique_ptr<Encoder> encoder_;
  text::Tokenizer tokenizer_;
  int max_tokens_ = 0;
};

// Brings `vector` to length 1; one of length 0 stays.
void normalize(std::span<float> vector);

}  // namespace kith::model
