// Grammars over small vocabularies, and samplers of every temper. Test code only.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kith/base/check.h"
#include "kith/base/json.h"
#include "kith/base/rng.h"
#include "kith/grammar/json_schema.h"
#include "kith/grammar/token_grammar.h"
#include "kith/text/byte_symbols.h"
#include "kith/text/tokenizer.h"

namespace kith::grammar {

inline constexpr text::TokenId kTestEnd = 256;

// Bytes are tokens 0 to 255, 256 ends a text, 257 is a control token, `more` are 258 and up.
inline text::Tokenizer make_tokenizer(const std::vector<std::string>& more = {}) {
  base::Json vocab = base::Json::object();
  for (int byte = 0; byte < 256; ++byte) {
    vocab[text::bytes_to_symbols(std::string(1, static_cast<char>(byte)))] = byte;
  }
  int next = 258;
  for (const std::string& token : more) vocab[text::bytes_to_symbols(token)] = next++;
  const base::Json root = {
      {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", base::Json::array()}}},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
      {"decoder", {{"type", "ByteLevel"}}},
      {"added_tokens",
       base::Json::array({{{"id", 256}, {"content", "<|end|>"}, {"special", true}},
                          {{"id", 257}, {"content", "<|user|>"}, {"special", true}}})}};
  auto tokenizer = text::Tokenizer::from_json(base::dump_json(root));
  KITH_CHECK(tokenizer.has_value(), "the test tokenizer loads");
  return *std::move(tokenizer);
}

inline std::shared_ptr<const TokenVocabulary> make_vocabulary(
    const std::vector<std::string>& more = {}) {
  return std::make_shared<TokenVocabulary>(make_tokenizer(more),
                                           std::vector<text::TokenId>{kTestEnd});
}

// Pieces of JSON and of text that cross every border between its parts.
inline const std::vector<std::string>& json_pieces() {
  static const std::vector<std::string> kPieces = {
      "{\"",        "\":",      "\": ",
      "\",",        "\", \"",   "\"}",
      "\"]",        "},",       "}}",
      "]}",         "],",       "[{",
      "[[",         "[]",       "{}",
      "true",       "null",     "null,",
      "12",         "0.5",      "-1",
      "e+",         " \"",      "\n  ",
      "  ",         "ab",       "abc",
      "hello",      "\\n",      "\\u00",
      "\\\"",       "\xE4\xBD", "\xE4\xBD\xA0\xE5\xA5\xBD",
      "\xC3\xA9\"", "\x80\x81", "name\":",
      "\"name",     "a\":1",    "1,",
      "1]",         "1}",       "\"a\"",
      "\",\"b",     "2024-",    "02-2",
      "false}",     "\n\n"};
  return kPieces;
}

inline Result<std::shared_ptr<const TokenGrammar>> make_grammar(
    const std::string& schema, std::shared_ptr<const TokenVocabulary> vocabulary) {
  KITH_ASSIGN_OR_RETURN(Automaton automaton, compile_json_schema(schema));
  return TokenGrammar::create(std::move(automaton), std::move(vocabulary));
}

// Whether the grammar takes `text` byte by byte and may end there.
inline bool accepts(const std::shared_ptr<const TokenGrammar>& grammar, const std::string& text) {
  Matcher matcher(grammar);
  for (const char byte : text) {
    const auto token = static_cast<text::TokenId>(static_cast<unsigned char>(byte));
    const auto choice = matcher.choose(1 << 20);
    if (!choice || !choice->allowed->tokens.allows(token) || !matcher.advance(token)) return false;
  }
  return matcher.accepts();
}

struct Written {
  std::string text;
  bool is_whole = false;  // ended where it may
  bool was_steered = false;
  std::vector<text::TokenId> tokens;
};

// Picks one of the allowed tokens (never none).
using Picker = std::function<text::TokenId(const std::vector<text::TokenId>&)>;

// Aborts where nothing is allowed although the text is not complete, and where an allowed token
// cannot be taken: neither may ever happen.
inline Written write(const std::shared_ptr<const TokenGrammar>& grammar, int max_tokens,
                     const Picker& pick) {
  Matcher matcher(grammar);
  Written written;
  for (int left = max_tokens; left > 0; --left) {
    if (matcher.is_complete()) break;
    const auto choice = matcher.choose(left);
    KITH_CHECK(choice.has_value(), "the grammar is not ambiguous");
    written.was_steered = written.was_steered || choice->is_steered;
    std::vector<text::TokenId> tokens;
    choice->allowed->tokens.for_each([&](text::TokenId token) { tokens.push_back(token); });
    KITH_CHECK(!tokens.empty(), "something may always follow");
    const text::TokenId token = pick(tokens);
    const auto& ends = grammar->vocabulary().end_tokens();
    if (std::find(ends.begin(), ends.end(), token) != ends.end()) break;
    KITH_CHECK(matcher.advance(token).has_value(), "what is allowed can be taken");
    written.tokens.push_back(token);
    written.text += grammar->vocabulary().bytes_of(token);
  }
  written.is_whole = matcher.accepts();
  return written;
}

inline Picker pick_any(base::Rng& rng) {
  return
      [&rng](const std::vector<text::TokenId>& tokens) { return tokens[rng.below(tokens.size())]; };
}

// Never ends, opens what can be opened, and writes blanks wherever it may.
inline Picker pick_worst(base::Rng& rng, const TokenVocabulary& vocabulary) {
  return [&rng, &vocabulary](const std::vector<text::TokenId>& tokens) {
    const auto rank = [&vocabulary](text::TokenId token) {
      if (token == kTestEnd) return 3;
      const std::string_view bytes = vocabulary.bytes_of(token);
      if (bytes.find_first_of("{[") != std::string_view::npos) return 0;
      if (bytes.find_first_of(" \n\t,") != std::string_view::npos) return 1;
      return bytes.find_first_of("\"}]") != std::string_view::npos ? 2 : 1;
    };
    int best = 3;
    for (const text::TokenId token : tokens) best = std::min(best, rank(token));
    std::vector<text::TokenId> worst;
    for (const text::TokenId token : tokens) {
      if (rank(token) == best) worst.push_back(token);
    }
    return worst[rng.below(worst.size())];
  };
}

}  // namespace kith::grammar
