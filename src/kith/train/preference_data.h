// Preference files, encoded: pairs of answers to one prompt of which one was chosen, or single
// answers with a thumb up or down.
//
// On disk a set is a token shard of two documents for each example, beside it a JSON file of the
// same name that says whose example it is (a number, not the user's name) and which thumb it got.
// The loss counts the answer's tokens and the end of its turn.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "kith/base/result.h"
#include "kith/train/prepare.h"
#include "kith/train/recipe.h"
#include "kith/train/token_shard.h"

namespace kith::train {

// Immutable; thread-safe.
class PreferenceSet {
 public:
  // Errors: those of TokenShard::open; kInvalidArgument if the files do not fit one another.
  static Result<PreferenceSet> open(const std::filesystem::path& shard);

  PreferenceForm form() const { return form_; }
  std::size_t size() const { return users_.size(); }
  std::span<const std::uint32_t> users() const { return users_; }
  // Thumbs only.
  bool is_liked(std::size_t example) const { return labels_[example]; }

  // The tokens of prompt and answer, borrowed. Of a pair: the chosen answer and the rejected one.
  // Of a thumb: the answer, and the answer of another prompt under this one, for KTO's estimate.
  std::span<const std::uint32_t> first(std::size_t example) const {
    return shard_.document(2 * example);
  }
  std::span<const std::uint32_t> second(std::size_t example) const {
    return shard_.document(2 * example + 1);
  }

 private:
  explicit PreferenceSet(TokenShard shard) : shard_(std::move(shard)) {}

  TokenShard shard_;
  PreferenceForm form_ = PreferenceForm::kPairs;
  std::vector<std::uint32_t> users_;
  std::vector<bool> labels_;
};

// The file beside a shard: {"form":"pairs"|"thumbs","users":[..],"labels":[..]}.
std::filesystem::path preference_card(const std::filesystem::path& shard);

// What a preference run needs; the paths are also written to OUTPUT/preferences.json.
struct PreparedPreferences {
  // The tokenizer, and the shards of the validation texts; no data.
  PreparedData texts;
  std::vector<std::filesystem::path> data;
  std::vector<std::filesystem::path> validation;
};

// Lines are {"prompt": TEXT or "messages": [..], "chosen", "rejected"} or {"prompt" or "messages",
// "completion", "label": true or false}, each with an optional "user" and "complete" (false: the
// drafts are beginnings of answers, and the end of the turn does not count). For KTO a pair is two
// thumbs. Errors: those of prepare(); kInvalidArgument with file and line for other lines and for
// examples
//   longer than the recipe's max_tokens; for thumbs where pairs are needed; for thumbs that all
//   have one prompt.
Result<PreparedPreferences> prepare_preferences(const Recipe& recipe,
                                                const PrepareProgress& progress);

// Reads what prepare_preferences() wrote for this recipe. Errors: kNotFound, kInvalidArgument.
Result<PreparedPreferences> load_prepared_preferences(const Recipe& recipe);

}  // namespace kith::train
