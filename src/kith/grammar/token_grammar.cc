#include "kith/grammar/token_grammar.h"

#include <algorithm>
#include <utility>

namespace kith::grammar {
namespace {

// Steps of a follower for one mask: some hundredths of a second. A vocabulary of 128,000 tokens
// takes a million under an ordinary pattern.
constexpr std::uint64_t kMaxWork = 10'000'000;

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

Error too_ambiguous() {
  return invalid("the schema is too ambiguous: one text can be read in too many ways");
}

void append_int(std::string& key, std::int32_t value) {
  const auto bits = static_cast<std::uint32_t>(value);
  for (int shift = 0; shift < 32; shift += 8) key.push_back(static_cast<char>(bits >> shift));
}

}  // namespace

// Walks tries with thread sets and collects the tokens that lead to live ones.
class TokenGrammar::Walk {
 public:
  Walk(const TokenGrammar& grammar, StackPool& pool)
      : follower(grammar.automaton_, grammar.costs_, pool),
        bits(grammar.vocabulary_->num_words()) {}

  // Tokens below `root`, where the threads are `set`; with `most`, those after which no more tokens
  // are needed.
  void below(const TokenTrie& trie, std::int32_t root, const ThreadSet& set, Cost most = kNever) {
    const auto& entries = trie.entries();
    const auto top = entries[static_cast<std::size_t>(root)].depth;
    at(0) = set;
    const std::int32_t end = entries[static_cast<std::size_t>(root)].end;
    for (std::int32_t i = root + 1; i < end;) {
      const TokenTrie::Entry& entry = entries[static_cast<std::size_t>(i)];
      const auto depth = static_cast<std::size_t>(entry.depth - top);
      ThreadSet& to = at(depth);
      follower.step(at(depth - 1), entry.byte, to);
      if (to.overflows || follower.work() > kMaxWork) fails = true;
      if (fails) return;
      if (to.is_dead()) {
        i = entry.end;
        continue;
      }
      if (to.accepts && exits != nullptr) exits->push_back({&trie, i});
      if (entry.num_tokens > 0) take(trie, i, to, most);
      ++i;
    }
  }

  // The tokens that end at `entry`, where the threads are `set`.
  void take(const TokenTrie& trie, std::int32_t entry, const ThreadSet& set, Cost most) {
    // With exits wanted, what happens behind the end of the rule is the caller's business.
    const bool is_open = exits != nullptr ? !set.threads.empty() : !set.is_dead();
    if (!is_open) return;
    const Cost cost = exits != nullptr ? follower.open_tokens(set) : follower.tokens(set);
    if (cost > most) return;
    dearest = std::max(dearest, cost);
    for (const text::TokenId token : trie.tokens_at(entry)) set_bit(bits, token);
  }

  Follower follower;
  std::vector<std::uint64_t> bits;
  // Collected if not null: the end of the outermost rule is then not the end of the text.
  std::vector<Exit>* exits = nullptr;
  // After the tokens taken.
  Cost dearest = 0;
  bool fails = false;

 private:
  ThreadSet& at(std::size_t depth) {
    while (levels_.size() <= depth) levels_.push_back(std::make_unique<ThreadSet>());
    return *levels_[depth];
  }

  std::vector<std::unique_ptr<ThreadSet>> levels_;
};

TokenGrammar::TokenGrammar(Automaton automaton, std::shared_ptr<const TokenVocabulary> vocabulary)
    : automaton_(std::move(automaton)),
      vocabulary_(std::move(vocabulary)),
      costs_(automaton_, *vocabulary_) {}

Result<std::shared_ptr<const TokenGrammar>> TokenGrammar::create(
    Automaton automaton, std::shared_ptr<const TokenVocabulary> vocabulary) {
  if (automaton.is_too_large()) return invalid("the schema is too large");
  if (automaton.is_left_recursive()) {
    return invalid("the schema refers to itself without an object or array in between");
  }
  if (!vocabulary->has_ascii()) {
    return invalid("the model's vocabulary lacks ASCII characters that a schema may ask for");
  }
  std::shared_ptr<TokenGrammar> grammar(
      new TokenGrammar(std::move(automaton), std::move(vocabulary)));
  if (grammar->shortest() >= kNever) return invalid("no text satisfies the schema");
  const Rule& root = grammar->automaton_.rule(grammar->automaton_.root());
  if (grammar->costs_.calls(root.start) > kMaxCalls) {
    return invalid("every text that satisfies the schema is nested too deep");
  }
  return std::shared_ptr<const TokenGrammar>(std::move(grammar));
}

std::pair<std::int32_t, std::int32_t> TokenGrammar::counts_to_come(NodeId node, int count) const {
  const Rule& rule = automaton_.rule(automaton_.node(node).rule);
  if (!rule.is_counted()) return {0, kNoLimit};
  const int missing = std::max(rule.min_count - count, 0);
  if (rule.max_count == kNoLimit) return {missing, kNoLimit};
  // A token counts at most once a byte.
  return {missing, std::min(rule.max_count - count, vocabulary_->max_token_bytes())};
}

std::string TokenGrammar::key_of(const ThreadSet& set, const StackPool& pool) const {
  std::string key;
  const auto append = [&](NodeId node, int count) {
    const auto [missing, room] = counts_to_come(node, count);
    append_int(key, node);
    append_int(key, missing);
    append_int(key, room);
  };
  for (const Thread& thread : set.threads) {
    append(thread.node, thread.count);
    for (StackId stack = thread.stack; stack != kEmptyStack; stack = pool.top(stack).below) {
      append(pool.top(stack).back, pool.top(stack).count);
    }
    append_int(key, -1);
  }
  key.push_back(set.accepts ? '+' : '-');
  return key;
}

std::shared_ptr<const AllowedTokens> TokenGrammar::find(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = sets_.values.find(key);
  return found == sets_.values.end() ? nullptr : found->second;
}

Result<std::shared_ptr<const TokenGrammar::LocalTokens>> TokenGrammar::local(
    const Thread& thread, std::uint64_t& work) const {
  const auto [missing, room] = counts_to_come(thread.node, thread.count);
  std::string key;
  append_int(key, thread.node);
  // Unlike the mask of a set, this does not compare threads: how far away the smallest count is
  // makes no difference.
  append_int(key, std::min(missing, vocabulary_->max_token_bytes()));
  append_int(key, room);
  {
    const std::lock_guard lock(mutex_);
    const auto found = locals_.values.find(key);
    if (found != locals_.values.end()) return found->second;
  }
  auto result = compute_local(thread, work);
  if (result == nullptr || work > kMaxWork) return too_ambiguous();
  const std::size_t bytes =
      result->tokens.bytes() + result->exits.size() * sizeof(Exit) + sizeof(LocalTokens) + 128;
  const std::lock_guard lock(mutex_);
  if ((locals_.bytes += bytes) > kMaxCacheBytes) locals_ = {.values = {}, .bytes = bytes};
  locals_.values.insert_or_assign(std::move(key), result);
  return result;
}

// Null if there are too many ways to follow.
std::shared_ptr<const TokenGrammar::LocalTokens> TokenGrammar::compute_local(
    const Thread& thread, std::uint64_t& work) const {
  auto result = std::make_shared<LocalTokens>();
  StackPool pool;
  Walk walk(*this, pool);
  walk.exits = &result->exits;
  ThreadSet set;
  set.threads.push_back({thread.node, thread.count, kEmptyStack});
  const Rule& rule = automaton_.rule(automaton_.node(thread.node).rule);
  const bool is_in_string = rule.characters == thread.node;
  walk.below(is_in_string ? vocabulary_->rest() : vocabulary_->all(), 0, set);
  work += walk.follower.work();
  if (walk.fails) return nullptr;
  result->rise = std::max<Cost>(walk.dearest - costs_.tokens(thread.node, thread.count), 0);
  if (is_in_string) {
    // Plain text leads back to this node, and leaves no more to be written than there was.
    const auto& plain = vocabulary_->plain(counts_to_come(thread.node, thread.count).second);
    for (std::size_t w = 0; w < plain.size(); ++w) walk.bits[w] |= plain[w];
  }
  result->calls = walk.follower.take_calls_seen();
  result->tokens = TokenMask(std::move(walk.bits));
  return result;
}

Result<std::shared_ptr<const AllowedTokens>> TokenGrammar::compute(const ThreadSet& set,
                                                                   StackPool& pool,
                                                                   const std::string& key) const {
  Walk walk(*this, pool);
  const Cost before = walk.follower.tokens(set);
  std::uint64_t work = 0;
  for (const Thread& thread : set.threads) {
    KITH_ASSIGN_OR_RETURN(const auto own, local(thread, work));
    if (pool.depth(thread.stack) + own->calls > kMaxCalls) {
      // So deep that what is allowed depends on the depth.
      ThreadSet one;
      one.threads.push_back(thread);
      walk.below(vocabulary_->all(), 0, one);
    } else {
      own->tokens.add_to(walk.bits);
      const Cost now = costs_.tokens(thread.node, thread.count) + pool.tokens(thread.stack);
      walk.dearest = std::max(walk.dearest, now + own->rise);
      for (const Exit& exit : own->exits) {
        ThreadSet behind;
        if (thread.stack == kEmptyStack) {
          behind.accepts = true;
        } else {
          const Frame frame = pool.top(thread.stack);
          walk.follower.start({frame.back, frame.count, frame.below}, behind);
        }
        walk.take(*exit.trie, exit.entry, behind, kNever);
        walk.below(*exit.trie, exit.entry, behind);
      }
    }
    if (walk.fails) return too_ambiguous();
  }
  if (set.accepts) {
    for (const text::TokenId token : vocabulary_->end_tokens()) set_bit(walk.bits, token);
  }
  auto result = std::make_shared<AllowedTokens>();
  result->tokens = TokenMask(std::move(walk.bits));
  result->rise = std::max<Cost>(walk.dearest - before, 0);
  const std::size_t bytes = result->tokens.bytes() + key.size() + sizeof(AllowedTokens) + 128;
  const std::lock_guard lock(mutex_);
  if ((sets_.bytes += bytes) > kMaxCacheBytes) sets_ = {.values = {}, .bytes = bytes};
  sets_.values.insert_or_assign(key, result);
  return std::shared_ptr<const AllowedTokens>(std::move(result));
}

Result<std::shared_ptr<const AllowedTokens>> TokenGrammar::compute_within(const ThreadSet& set,
                                                                          StackPool& pool,
                                                                          Cost most) const {
  Walk walk(*this, pool);
  // A token will do if one thread can be finished after it.
  for (const Thread& thread : set.threads) {
    ThreadSet one;
    one.threads.push_back(thread);
    const Cost now = walk.follower.tokens(one);
    const auto [missing, room] = counts_to_come(thread.node, thread.count);
    const Rule& rule = automaton_.rule(automaton_.node(thread.node).rule);
    // Plain text in a string leaves as much to be written as there was, once it is long enough.
    const bool is_settled = rule.characters == thread.node && (now <= most || missing == 0);
    walk.below(is_settled ? vocabulary_->rest() : vocabulary_->all(), 0, one, most);
    if (walk.fails) return too_ambiguous();
    if (!is_settled || now > most) continue;
    const auto& plain = vocabulary_->plain(room);
    for (std::size_t w = 0; w < plain.size(); ++w) walk.bits[w] |= plain[w];
  }
  if (set.accepts) {
    for (const text::TokenId token : vocabulary_->end_tokens()) set_bit(walk.bits, token);
  }
  auto result = std::make_shared<AllowedTokens>();
  result->tokens = TokenMask(std::move(walk.bits));
  return std::shared_ptr<const AllowedTokens>(std::move(result));
}

Matcher::Matcher(std::shared_ptr<const TokenGrammar> grammar)
    : grammar_(std::move(grammar)), follower_(grammar_->automaton_, grammar_->costs_, pool_) {
  const Rule& root = grammar_->automaton_.rule(grammar_->automaton_.root());
  follower_.start({root.start, 0, kEmptyStack}, set_);
}

const std::string& Matcher::key() {
  if (key_.empty()) key_ = grammar_->key_of(set_, pool_);
  return key_;
}

bool Matcher::must_steer(const AllowedTokens& allowed, int tokens_left) const {
  const Cost now = tokens_to_end();
  // Where the end is out of reach already, nothing is gained by hurrying.
  return now <= tokens_left && now + allowed.rise > tokens_left - 1;
}

Matcher::Choice Matcher::find(int tokens_left) {
  auto allowed = grammar_->find(key());
  if (allowed == nullptr || must_steer(*allowed, tokens_left)) return {};
  return {.allowed = std::move(allowed)};
}

Result<Matcher::Choice> Matcher::choose(int tokens_left) {
  if (set_.overflows) return too_ambiguous();
  auto allowed = grammar_->find(key());
  if (allowed == nullptr) {
    KITH_ASSIGN_OR_RETURN(allowed, grammar_->compute(set_, pool_, key()));
  }
  if (!must_steer(*allowed, tokens_left)) return Choice{.allowed = std::move(allowed)};
  KITH_ASSIGN_OR_RETURN(auto within, grammar_->compute_within(set_, pool_, tokens_left - 1));
  // Next to the deepest nesting the shortest way may be closed.
  if (within->tokens.empty() && !set_.accepts) return Choice{.allowed = std::move(allowed)};
  const bool leaves_out = within->tokens.size() < allowed->tokens.size();
  return Choice{.allowed = std::move(within), .is_steered = leaves_out};
}

Status Matcher::advance(text::TokenId token) {
  const std::string_view bytes = grammar_->vocabulary().bytes_of(token);
  if (bytes.empty()) return invalid("a token was chosen that the schema does not allow");
  for (const char byte : bytes) {
    follower_.step(set_, static_cast<std::uint8_t>(byte), next_);
    std::swap(set_, next_);
    if (set_.is_dead()) return invalid("a token was chosen that the schema does not allow");
    if (set_.overflows) return too_ambiguous();
  }
  key_.clear();
  return {};
}

}  // namespace kith::grammar
