// Examples that train a bridge, encoded: a moment of a user's timeline, a prompt and its answer.
//
// On disk a set is a token shard with a document for each example, beside it a JSON file of the
// same name with the users and their numbers of events. The loss counts the answer's tokens and the
// end of its turn.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "kith/base/result.h"
#include "kith/train/prepare.h"
#include "kith/train/recipe.h"
#include "kith/train/token_shard.h"
#include "kith/train/user_encoder.h"

namespace kith::train {

// Immutable; thread-safe.
class BridgeExamples {
 public:
  // Errors: those of TokenShard::open; kInvalidArgument if the files do not fit one another.
  static Result<BridgeExamples> open(const std::filesystem::path& shard);

  std::size_t size() const { return histories_.size(); }
  const History& history(std::size_t example) const { return histories_[example]; }
  // Prompt and answer, with kCountedBit on the answer's tokens; borrowed.
  std::span<const std::uint32_t> tokens(std::size_t example) const {
    return shard_.document(example);
  }

  // Errors: kInvalidArgument naming the first example whose user or events `data` does not have.
  Status check(const TimelineData& data) const;

 private:
  explicit BridgeExamples(TokenShard shard) : shard_(std::move(shard)) {}

  TokenShard shard_;
  std::vector<History> histories_;
};

// The file beside a shard: {"users":[..],"events":[..]}.
std::filesystem::path bridge_card(const std::filesystem::path& shard);

// What a bridge's run needs; data and validation hold the examples' shards. Lines are {"user": a
// user's place in the timelines, "events": events before the moment, "messages": [..], "answer"}.
// Errors: those of prepare(); kInvalidArgument with file and line for other lines and for examples
//   longer than the recipe's max_tokens.
Result<PreparedData> prepare_bridge(const Recipe& recipe, const PrepareProgress& progress);

}  // namespace kith::train
