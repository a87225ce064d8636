// Works out which tokens a grammar allows next while the model computes: the mask of a state that
// nobody was in before takes up to some milliseconds, the one of a known state a microsecond.
// Private to the engine.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "kith/base/result.h"
#include "kith/grammar/token_grammar.h"

namespace kith::engine {

// One sequence under a grammar.
struct Constraint {
  explicit Constraint(std::shared_ptr<const grammar::TokenGrammar> rules)
      : matcher(std::move(rules)) {}

  grammar::Matcher matcher;
  // The tokens allowed next; absent until they are known.
  std::optional<Result<grammar::Matcher::Choice>> next;
  int tokens_left = 0;
  // Tokens had to be left out so that the text ends in time.
  bool was_steered = false;
};

// Used by one thread. Its own thread starts with the first work.
class MaskWorker {
 public:
  MaskWorker() = default;
  ~MaskWorker();
  MaskWorker(const MaskWorker&) = delete;
  MaskWorker& operator=(const MaskWorker&) = delete;

  // Sets `next` of each, at once where it is known, else until wait() returns. The constraints are
  // borrowed until then.
  void start(const std::vector<Constraint*>& constraints);
  void wait();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Constraint*> pending_;  // guarded by mutex_
  bool is_busy_ = false;              // guarded by mutex_
  bool stopping_ = false;             // guarded by mutex_
  std::thread thread_;
};

}  // namespace kith::engine
