#include "kith/model/compare.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace kith::model {
namespace {

using text::TokenId;

// Rows of logits held at a time.
constexpr std::size_t kMaxRows = 64;

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

double negative_log_likelihood(std::span<const float> logits, TokenId target) {
  const float top = *std::max_element(logits.begin(), logits.end());
  double total = 0.0;
  for (const float logit : logits) total += std::exp(static_cast<double>(logit - top));
  return std::log(total) - static_cast<double>(logits[static_cast<std::size_t>(target)] - top);
}

std::ptrdiff_t top_of(std::span<const float> logits) {
  return std::max_element(logits.begin(), logits.end()) - logits.begin();
}

// One decoder reading one window, piece by piece.
class WindowReader {
 public:
  WindowReader(Decoder& decoder, int window)
      : decoder_(decoder), cache_(decoder.make_cache(window / nn::kBlockTokens + 1)) {
    for (std::int32_t i = 0; i < cache_.num_blocks(); ++i) blocks_.push_back(i);
  }

  // Logits after each of `tokens`, which continue the window at `position`.
  Result<std::vector<float>> read(std::span<const TokenId> tokens, std::size_t position) {
    const Chunk chunk{tokens, static_cast<std::int32_t>(position), blocks_, {}, true};
    std::vector<float> logits;
    KITH_RETURN_IF_ERROR(decoder_.forward({&chunk, 1}, cache_, logits));
    return logits;
  }

 private:
  Decoder& decoder_;
  nn::KvCache cache_;
  std::vector<std::int32_t> blocks_;
};

struct Sums {
  double reference_loss = 0.0;
  double loss = 0.0;
  double same_top = 0.0;
  double largest_difference = 0.0;
  std::int64_t tokens = 0;

  void add(std::span<const float> expected, std::span<const float> actual, TokenId target) {
    reference_loss += negative_log_likelihood(expected, target);
    loss += negative_log_likelihood(actual, target);
    same_top += top_of(expected) == top_of(actual) ? 1.0 : 0.0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      largest_difference =
          std::max(largest_difference, static_cast<double>(std::fabs(expected[i] - actual[i])));
    }
    ++tokens;
  }
};

Status check_arguments(const Decoder& reference, const Decoder& decoder,
                       std::span<const TokenId> tokens, int window) {
  if (reference.config().vocab_size != decoder.config().vocab_size) {
    return invalid("the models have different vocabularies");
  }
  const int most = std::min(reference.config().max_positions, decoder.config().max_positions);
  if (window < 2 || window > most) {
    return invalid("a window has 2 to " + std::to_string(most) +
                   " tokens here: " + std::to_string(window));
  }
  if (tokens.size() < 2) return invalid("the text has fewer than two tokens");
  return {};
}

Status add_window(WindowReader& reference, WindowReader& reader, std::span<const TokenId> tokens,
                  std::size_t vocab, Sums& sums) {
  for (std::size_t at = 0; at + 1 < tokens.size(); at += kMaxRows) {
    const auto piece = tokens.subspan(at, std::min(kMaxRows, tokens.size() - 1 - at));
    KITH_ASSIGN_OR_RETURN(const auto expected, reference.read(piece, at));
    KITH_ASSIGN_OR_RETURN(const auto actual, reader.read(piece, at));
    for (std::size_t i = 0; i < piece.size(); ++i) {
      sums.add(std::span(expected).subspan(i * vocab, vocab),
               std::span(actual).subspan(i * vocab, vocab), tokens[at + i + 1]);
    }
  }
  return {};
}

}  // namespace

Result<Comparison> compare_decoders(Decoder& reference, Decoder& decoder,
                                    std::span<const TokenId> tokens, int window) {
  KITH_RETURN_IF_ERROR(check_arguments(reference, decoder, tokens, window));
  const auto vocab = static_cast<std::size_t>(decoder.config().vocab_size);
  WindowReader reference_reader(reference, window);
  WindowReader reader(decoder, window);
  Sums sums;
  while (tokens.size() >= 2) {
    const auto length = std::min(tokens.size(), static_cast<std::size_t>(window));
    KITH_RETURN_IF_ERROR(add_window(reference_reader, reader, tokens.first(length), vocab, sums));
    tokens = tokens.subspan(length);
  }
  if (!std::isfinite(sums.loss) || !std::isfinite(sums.reference_loss)) {
    return Error{ErrorCode::kInternal, "the logits are not finite"};
  }
  const auto count = static_cast<double>(sums.tokens);
  return Comparison{.tokens = sums.tokens,
                    .reference_perplexity = std::exp(sums.reference_loss / count),
                    .perplexity = std::exp(sums.loss / count),
                    .same_top = sums.same_top / count,
                    .largest_difference = sums.largest_difference};
}

}  // namespace kith::model
