// Feeds any bytes to the compiler of JSON schemas, and writes a document under whatever schema it
// takes: the document must be JSON, and something must be allowed at every point. The corpus is
// testdata/json_schema.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "kith/grammar/test_grammar.h"

namespace {

using namespace kith;

// Bounds one input's time; documents need not be whole for that.
constexpr int kMaxTokens = 40;

void write_document(const std::shared_ptr<const grammar::TokenGrammar>& rules, std::uint64_t seed) {
  base::Rng rng(seed);
  grammar::Matcher matcher(rules);
  std::string text;
  for (int left = kMaxTokens; left > 0 && !matcher.is_complete(); --left) {
    const auto choice = matcher.choose(left);
    // Too many ways to read the text: an error is all that may come of it.
    if (!choice) return;
    std::vector<text::TokenId> tokens;
    choice->allowed->tokens.for_each([&](text::TokenId token) { tokens.push_back(token); });
    if (tokens.empty()) std::abort();
    const text::TokenId token = tokens[rng.below(tokens.size())];
    if (token == grammar::kTestEnd) break;
    if (!matcher.advance(token)) std::abort();
    text += rules->vocabulary().bytes_of(token);
  }
  if (rules->shortest() <= kMaxTokens && !matcher.accepts()) std::abort();
  if (matcher.accepts() && !base::parse_json(text)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto kVocabulary = grammar::make_vocabulary(grammar::json_pieces());
  // Bytes as text.
  const std::string_view schema(static_cast<const char*>(static_cast<const void*>(data)), size);
  auto automaton = grammar::compile_json_schema(schema);
  if (!automaton) {
    if (automaton.error().message.empty()) std::abort();
    return 0;
  }
  const auto rules = grammar::TokenGrammar::create(*std::move(automaton), kVocabulary);
  if (rules) write_document(*rules, size);
  return 0;
}
