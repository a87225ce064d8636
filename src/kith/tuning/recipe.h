// The recipe of an adapter's training: what an operator may choose, completed with what follows
// from the data and the installation. The result is a recipe of kith-train
// (docs/formats/recipe.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "kith/base/result.h"

namespace kith::tuning {

// An operator's choice: `seed`, `device`, `threads`, `bf16`, [lora], [optimizer], [run] and
// [[stage]] as in a recipe of kith-train, and in [run] `epochs`, passes over the data, which gives
// the number of steps where nothing else does.
class RecipeTemplate {
 public:
  // Rank 16 on all projections, three epochs of 1,024 tokens; what the built-in adapters are
  // trained with.
  static RecipeTemplate standard();
  // Errors: kNotFound; kInvalidArgument naming file, line and key, also for what only the pipeline
  //   may set (`output`, `init`, `init_adapter`, `data`, `validation`).
  static Result<RecipeTemplate> load(const std::filesystem::path& file);
  // `name` stands for the file in messages.
  static Result<RecipeTemplate> parse(const std::string& toml, const std::string& name);

  // So many optimizer steps, whatever the recipe says of epochs, steps, tokens or minutes.
  // Errors: kInvalidArgument below 1.
  Status set_steps(std::int64_t steps);
  // In place of the recipe's seed.
  void set_seed(std::int64_t seed) { seed_ = seed; }

  // Tokens of the longest window: longer rows cannot be learned whole.
  std::int64_t sequence() const { return sequence_; }
  std::int64_t batch_tokens() const { return batch_tokens_; }
  // Optimizer steps for so many tokens of data; 0 if tokens or minutes bound the run instead.
  std::int64_t steps_for(std::int64_t data_tokens) const;

  struct Parts {
    std::filesystem::path base_model;
    // A PEFT directory to go on from, whose shape holds; empty: a fresh adapter.
    std::filesystem::path init_adapter;
    std::filesystem::path data;  // directory of the dataset
    std::filesystem::path output;
    std::int64_t data_tokens = 0;  // of the training part
    // Without rows it is left out.
    bool has_valid_latest = false;
  };
  // The whole recipe. The same parts give the same bytes.
  std::string complete(const Parts& parts) const;

 private:
  RecipeTemplate() = default;

  std::string toml_;
  std::int64_t sequence_ = 1024;
  std::int64_t batch_tokens_ = 4096;
  double epochs_ = 3.0;
  bool has_budget_ = false;
  std::int64_t steps_ = 0;
  // By set_steps().
  bool has_own_steps_ = false;
  // Absent: as the recipe says.
  std::optional<std::int64_t> seed_;
};

}  // namespace kith::tuning
