#include "kith/model/sentence_encoder.h"

#include <algorithm>
#include <cmath>
#include <system_error>
#include <utility>

namespace kith::model {
namespace {

std::size_t to_size(std::int64_t value) { return static_cast<std::size_t>(value); }

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

// "models/minilm/" -> "minilm".
std::string name_of(const std::filesystem::path& dir) {
  std::error_code error;
  const auto whole = std::filesystem::weakly_canonical(dir, error);
  return whole.has_filename() ? whole.filename().string() : whole.parent_path().filename().string();
}

// What the directory says, else what the tokenizer says, and never more than there are positions.
int choose_max_tokens(const SentenceConfig& config, const text::Tokenizer& tokenizer,
                      int max_positions) {
  if (config.max_tokens) return std::min(*config.max_tokens, max_positions);
  const auto length = tokenizer.model_max_length();
  return length && *length < to_size(max_positions) ? static_cast<int>(*length) : max_positions;
}

}  // namespace

void normalize(std::span<float> vector) {
  double squares = 0.0;
  for (const float value : vector) {
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  if (!(squares > 0.0)) return;
  const auto inverse = static_cast<float>(1.0 / std::sqrt(squares));
  for (float& value : vector) value *= inverse;
}

SentenceEncoder::SentenceEncoder(std::string name, SentenceConfig config,
                                 std::unique_ptr<Encoder> encoder, text::Tokenizer tokenizer)
    : name_(std::move(name)),
      config_(std::move(config)),
      encoder_(std::move(encoder)),
      tokenizer_(std::move(tokenizer)),
      max_tokens_(choose_max_tokens(config_, tokenizer_, encoder_->config().max_positions)) {}

Result<std::unique_ptr<SentenceEncoder>> SentenceEncoder::load(const std::filesystem::path& dir,
                                                               const EncoderOptions& options) {
  auto config = load_sentence_config(dir);
  if (!config) {
    return std::move(config).error().with_context("loading embedding model " + dir.string());
  }
  const auto encoder_dir = dir / config->encoder_dir;
  KITH_ASSIGN_OR_RETURN(auto encoder, Encoder::load(encoder_dir, options));
  KITH_ASSIGN_OR_RETURN(auto tokenizer, text::Tokenizer::load(encoder_dir));
  if (tokenizer.vocab_size() > to_size(encoder->config().vocab_size)) {
    return invalid("the tokenizer of " + dir.string() + " knows " +
                   std::to_string(tokenizer.vocab_size()) + " tokens, the encoder only " +
                   std::to_string(encoder->config().vocab_size));
  }
  auto loaded = std::unique_ptr<SentenceEncoder>(new SentenceEncoder(
      name_of(dir), *std::move(config), std::move(encoder), std::move(tokenizer)));
  if (to_size(loaded->max_tokens_) <= loaded->tokenizer_.num_added_tokens()) {
    return invalid("max_seq_length of " + dir.string() + " must leave room beside " +
                   std::to_string(loaded->tokenizer_.num_added_tokens()) +
                   " special tokens: " + std::to_string(loaded->max_tokens_));
  }
  return loaded;
}

Result<TokenizedText> SentenceEncoder::tokenize(std::string_view text, bool cuts) const {
  std::string prompted;
  if (!config_.prompt.empty()) text = prompted = config_.prompt + std::string(text);
  TokenizedText tokenized;
  tokenized.tokens = tokenizer_.encode(text, {.add_special_tokens = true});
  if (tokenized.tokens.size() <= to_size(max_tokens_)) return tokenized;
  if (!cuts) {
    return invalid("a text must have at most " + std::to_string(max_tokens_) +
                   " tokens: " + std::to_string(tokenized.tokens.size()));
  }
  tokenized.is_cut = true;
  tokenized.tokens =
      tokenizer_.encode(text, {.add_special_tokens = true, .max_tokens = to_size(max_tokens_)});
  return tokenized;
}

Status SentenceEncoder::check(std::span<const text::TokenId> tokens) const {
  if (tokens.empty()) return invalid("a text must have tokens");
  if (tokens.size() > to_size(max_tokens_)) {
    return invalid("a text must have at most " + std::to_string(max_tokens_) +
                   " tokens: " + std::to_string(tokens.size()));
  }
  for (const text::TokenId id : tokens) {
    if (id >= 0 && id < vocab_size()) continue;
    return invalid("token id must be in [0, " + std::to_string(vocab_size()) +
                   "): " + std::to_string(id));
  }
  return {};
}

Status SentenceEncoder::embed(std::span<const std::span<const text::TokenId>> texts,
                              std::vector<float>& vectors) {
  for (const auto& tokens : texts) KITH_RETURN_IF_ERROR(check(tokens));
  KITH_ASSIGN_OR_RETURN(std::span<const float> states, encoder_->forward(texts));
  const std::size_t width = to_size(dimensions());
  vectors.resize(texts.size() * width);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::size_t used = texts[i].size() * width;
    const std::span<float> vector = std::span(vectors).subspan(i * width, width);
    pool(states.first(used), vector);
    if (config_.normalizes) normalize(vector);
    states = states.subspan(used);
  }
  return {};
}

void SentenceEncoder::pool(std::span<const float> states, std::span<float> vector) const {
  const std::size_t width = vector.size();
  std::copy_n(states.begin(), width, vector.begin());
  if (config_.pooling == Pooling::kCls) return;
  const std::size_t num_tokens = states.size() / width;
  for (std::size_t row = 1; row < num_tokens; ++row) {
    const float* state = states.data() + row * width;
    for (std::size_t i = 0; i < width; ++i) vector[i] += state[i];
  }
  const float inverse = 1.0F / static_cast<float>(num_tokens);
  for (float& value : vector) value *= inverse;
}

}  // namespace kith::model
