// What a text must look like, made ready for one vocabulary: which tokens may come next at any
// point, with the answers kept.
//
// The tokens allowed for a thread are worked out once for its node, whatever calls it waits in:
// those that stay within the rule, and the places of the token trie at which the rule ends. From
// these places only a few entries of the trie are left to be walked for the calls around it. The
// mask of a whole set of threads is kept too. See docs/adr/0007-structured-output.md.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "kith/base/result.h"
#include "kith/grammar/automaton.h"
#include "kith/grammar/costs.h"
#include "kith/grammar/thread_set.h"
#include "kith/grammar/token_mask.h"
#include "kith/grammar/token_trie.h"

namespace kith::grammar {

// Tokens that may come next.
struct AllowedTokens {
  TokenMask tokens;
  // After any of them the text can be finished within this many more tokens than it could before.
  Cost rise = 0;
};

// Const members may be called from any thread.
class TokenGrammar {
 public:
  // Bytes of masks kept; beyond that they are worked out anew.
  static constexpr std::size_t kMaxCacheBytes = std::size_t{8} << 20;

  // Errors: kInvalidArgument if the automaton is too large, left-recursive or nested too deep, if
  // no
  //   text fits it, or if the vocabulary cannot write every ASCII character.
  static Result<std::shared_ptr<const TokenGrammar>> create(
      Automaton automaton, std::shared_ptr<const TokenVocabulary> vocabulary);

  TokenGrammar(const TokenGrammar&) = delete;
  TokenGrammar& operator=(const TokenGrammar&) = delete;

  const TokenVocabulary& vocabulary() const { return *vocabulary_; }
  // Tokens that a shortest text takes at most.
  Cost shortest() const { return costs_.rule_tokens(automaton_.root()); }

 private:
  friend class Matcher;

  // A place of a trie where a rule has ended.
  struct Exit {
    const TokenTrie* trie = nullptr;
    std::int32_t entry = 0;
  };
  // What one node allows, whatever it is called from.
  struct LocalTokens {
    TokenMask tokens;
    std::vector<Exit> exits;
    Cost rise = 0;
    // Calls within calls that had to be looked at.
    int calls = 0;
  };
  // A cache that is emptied when it is full.
  template <typename Key, typename Value>
  struct Cache {
    std::unordered_map<Key, std::shared_ptr<const Value>> values;
    std::size_t bytes = 0;
  };
  class Walk;

  TokenGrammar(Automaton automaton, std::shared_ptr<const TokenVocabulary> vocabulary);

  // What a rule must still count and may still count at most, the latter as far as one token can
  // tell.
  std::pair<std::int32_t, std::int32_t> counts_to_come(NodeId node, int count) const;
  std::string key_of(const ThreadSet& set, const StackPool& pool) const;

  std::shared_ptr<const AllowedTokens> find(const std::string& key) const;
  // Errors: kInvalidArgument if there are too many ways to follow.
  Result<std::shared_ptr<const AllowedTokens>> compute(const ThreadSet& set, StackPool& pool,
                                                       const std::string& key) const;
  // Only tokens after which at most `most` more are needed; not kept.
  Result<std::shared_ptr<const AllowedTokens>> compute_within(const ThreadSet& set, StackPool& pool,
                                                              Cost most) const;
  // Adds to `work` what it took.
  Result<std::shared_ptr<const LocalTokens>> local(const Thread& thread, std::uint64_t& work) const;
  std::shared_ptr<const LocalTokens> compute_local(const Thread& thread, std::uint64_t& work) const;

  const Automaton automaton_;
  const std::shared_ptr<const TokenVocabulary> vocabulary_;
  const Costs costs_;

  mutable std::mutex mutex_;
  mutable Cache<std::string, AllowedTokens> sets_;  // guarded by mutex_
  mutable Cache<std::string, LocalTokens> locals_;  // guarded by mutex_
};

// Where one text stands in a grammar. Not thread-safe.
class Matcher {
 public:
  explicit Matcher(std::shared_ptr<const TokenGrammar> grammar);
  Matcher(const Matcher&) = delete;
  Matcher& operator=(const Matcher&) = delete;

  struct Choice {
    // Null in find(): not known yet.
    std::shared_ptr<const AllowedTokens> allowed;
    // Tokens were left out because the text could not have been finished in time after them.
    bool is_steered = false;
  };

  // The tokens that may come next when `tokens_left` can still be written, the next one included:
  // at least one unless is_complete(). If the text can be finished within them, it will be.
  // End tokens are among them where the text may end.
  // Errors: kInvalidArgument if the schema is so ambiguous that there are too many ways to follow.
  Result<Choice> choose(int tokens_left);
  // The same if it is known already; fast.
  Choice find(int tokens_left);

  // REQUIRES: `token` is among the allowed ones and no end token.
  // Errors: kInvalidArgument if it is not.
  Status advance(text::TokenId token);

  // The text may end here.
  bool accepts() const { return set_.accepts; }
  // Nothing may follow.
  bool is_complete() const { return set_.accepts && set_.threads.empty(); }
  // Tokens that suffice to finish the text.
  Cost tokens_to_end() const { return follower_.tokens(set_); }

 private:
  bool must_steer(const AllowedTokens& allowed, int tokens_left) const;
  const std::string& key();

  std::shared_ptr<const TokenGrammar> grammar_;
  StackPool pool_;
  Follower follower_;
  ThreadSet set_;
  ThreadSet next_;
  // Of set_; empty if not known.
  std::string key_;
};

}  // namespace kith::grammar
