// The recipe of a user encoder's training: what an operator may choose, completed with where its
// data lies. The result is a recipe of kith-train (docs/formats/recipe.md, "Timelines").
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "kith/base/result.h"

namespace kith::tuning {

// A recipe of `kith-train train timeline`, whose `timelines` and `output` count for nothing here;
// and in [run] `epochs`, passes over the data, which gives the events where nothing else does.
class EncoderRecipe {
 public:
  // Two layers of 128 and a Perceiver of 16 latents, sixty passes: minutes on two cores for tens of thousands of events.
  static EncoderRecipe standard();
  // Errors: kNotFound; kInvalidArgument naming file, line and key.
  static Result<EncoderRecipe> load(const std::filesystem::path& file);
  // `name` stands for the file in messages.
  static Result<EncoderRecipe> parse(const std::string& toml, const std::string& name);

  // So many optimizer steps, whatever the recipe says of epochs, steps, tokens or minutes.
  // Errors: kInvalidArgument below 1.
  Status set_steps(std::int64_t steps);
  // In place of the recipe's seed.
  void set_seed(std::int64_t seed) { seed_ = seed; }

  // Events that the run takes, for so many in the data; 0 if minutes bound it instead.
  std::int64_t events_for(std::int64_t data_events) const;

  // The whole recipe. The same arguments give the same bytes.
  std::string complete(const std::filesystem::path& data, const std::filesystem::path& output,
                       std::int64_t data_events) const;

 private:
  EncoderRecipe() = default;

  std::string toml_;
  double epochs_ = 60.0;
  std::int64_t batch_events_ = 4096;
  // What the recipe or set_steps() says; 0: nothing.
  std::int64_t steps_ = 0;
  std::int64_t events_ = 0;
  bool is_timed_ = false;
  bool has_own_steps_ = false;
  std::optional<std::int64_t> seed_;
};

}  // namespace kith::tuning
