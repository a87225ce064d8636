// Grammars of output formats, made ready for the model's vocabulary and kept: clients send the same
// schema with every request, and a grammar's masks are worth keeping most of all.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "kith/base/result.h"
#include "kith/grammar/token_grammar.h"
#include "kith/personalize/ports.h"

namespace kith::runtime {

// Thread-safe. Holds nothing of what people wrote but the schemas of the last requests.
class GrammarCache {
 public:
  static constexpr std::size_t kMaxGrammars = 32;

  GrammarCache(const text::Tokenizer& tokenizer, std::vector<text::TokenId> end_tokens);

  // Null for plain text.
  // Errors: kInvalidArgument beginning with the format's member, for a schema that is not
  // supported.
  Result<std::shared_ptr<const grammar::TokenGrammar>> get(const personalize::OutputFormat& format);

 private:
  using Entry = std::pair<std::string, std::shared_ptr<const grammar::TokenGrammar>>;

  Result<std::shared_ptr<const grammar::TokenGrammar>> compile(
      const personalize::OutputFormat& format);
  // Made with the first grammar: it takes some tenths of a second for a large vocabulary, and most
  // servers start without need of it.
  std::shared_ptr<const grammar::TokenVocabulary> vocabulary();

  const text::Tokenizer tokenizer_;
  const std::vector<text::TokenId> end_tokens_;
  std::once_flag once_;
  std::shared_ptr<const grammar::TokenVocabulary> vocabulary_;  // behind once_
  std::mutex mutex_;
  std::list<Entry> entries_;  // the latest used first; guarded by mutex_
};

}  // namespace kith::runtime
