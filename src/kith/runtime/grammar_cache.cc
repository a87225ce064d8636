#include "kith/runtime/grammar_cache.h"

#include <algorithm>

#include "kith/grammar/json_schema.h"

namespace kith::runtime {
namespace {

using personalize::OutputFormat;

std::string key_of(const OutputFormat& format) {
  std::string key(1, static_cast<char>('0' + static_cast<int>(format.kind)));
  key += format.schema;
  for (const std::string& choice : format.choices) {
    key += std::to_string(choice.size()) + ':' + choice;
  }
  return key;
}

Result<grammar::Automaton> to_automaton(const OutputFormat& format) {
  switch (format.kind) {
    case OutputFormat::Kind::kJsonSchema:
      return grammar::compile_json_schema(format.schema);
    case OutputFormat::Kind::kChoice:
      return grammar::compile_choice(format.choices);
    default:
      return grammar::any_json_object();
  }
}

}  // namespace

GrammarCache::GrammarCache(const text::Tokenizer& tokenizer, std::vector<text::TokenId> end_tokens)
    : tokenizer_(tokenizer), end_tokens_(std::move(end_tokens)) {}

std::shared_ptr<const grammar::TokenVocabulary> GrammarCache::vocabulary() {
  std::call_once(once_, [this] {
    vocabulary_ = std::make_shared<grammar::TokenVocabulary>(tokenizer_, end_tokens_);
  });
  return vocabulary_;
}

Result<std::shared_ptr<const grammar::TokenGrammar>> GrammarCache::compile(
    const OutputFormat& format) {
  KITH_ASSIGN_OR_RETURN(grammar::Automaton automaton, to_automaton(format));
  KITH_ASSIGN_OR_RETURN(auto rules,
                        grammar::TokenGrammar::create(std::move(automaton), vocabulary()));
  // The first mask is needed in any case; here nobody else waits for it.
  const auto first = grammar::Matcher(rules).choose(1 << 20);
  if (!first) return first.error();
  return rules;
}

Result<std::shared_ptr<const grammar::TokenGrammar>> GrammarCache::get(const OutputFormat& format) {
  if (format.kind == OutputFormat::Kind::kText) {
    return std::shared_ptr<const grammar::TokenGrammar>();
  }
  std::string key = key_of(format);
  const auto find = [&] {
    return std::find_if(entries_.begin(), entries_.end(),
                        [&key](const Entry& entry) { return entry.first == key; });
  };
  {
    const std::lock_guard lock(mutex_);
    const auto found = find();
    if (found != entries_.end()) {
      entries_.splice(entries_.begin(), entries_, found);
      return found->second;
    }
  }
  auto rules = compile(format);
  if (!rules) return std::move(rules).error().with_context(format.member);
  const std::lock_guard lock(mutex_);
  // Two requests may have compiled the same schema; the first one's masks are further on.
  if (const auto found = find(); found != entries_.end()) return found->second;
  entries_.emplace_front(std::move(key), *rules);
  if (entries_.size() > kMaxGrammars) entries_.pop_back();
  return rules;
}

}  // namespace kith::runtime
