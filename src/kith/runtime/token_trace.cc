#include "kith/runtime/token_trace.h"

#include <string>
#include <utility>

#include "kith/text/utf8.h"

namespace kith::runtime {

TokenTrace::TokenTrace(const text::Tokenizer& tokenizer, bool continues_text,
                       std::size_t first_code_point)
    : decoder_(tokenizer, {.skip_special = true, .continues_text = continues_text}),
      code_points_(first_code_point) {}

void TokenTrace::add(engine::SampledToken token) {
  const text::TokenId id = token.token;
  waiting_.push_back({std::move(token), code_points_, bytes_});
  const std::string piece = decoder_.append(id);
  bytes_ += piece.size();
  code_points_ += text::count_code_points(piece);
}

std::vector<PlacedToken> TokenTrace::take(std::size_t shown_bytes) {
  std::vector<PlacedToken> reached;
  while (!waiting_.empty() && waiting_.front().byte < shown_bytes) {
    reached.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return reached;
}

}  // namespace kith::runtime
