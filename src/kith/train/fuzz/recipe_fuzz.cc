// Feeds any bytes to the reader of training recipes: what it takes is within the bounds that the
// trainer counts on. The corpus is beside this file.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

#include "kith/base/check.h"
#include "kith/base/fuzz_input.h"
#include "kith/train/recipe.h"

namespace {

using kith::train::DataSource;
using kith::train::Recipe;

bool is_share(double value) { return value >= 0.0 && value <= 1.0; }

void check(const Recipe& recipe) {
  KITH_CHECK(!recipe.data.empty(), "there is something to train on");
  for (const DataSource& source : recipe.data) {
    KITH_CHECK(source.weight >= 0.0 && source.weight <= 1e6, "weights have bounds");
  }
  double until = 0.0;
  for (const auto& stage : recipe.stages) {
    KITH_CHECK(stage.until > until && stage.sequence >= 2, "stages follow each other");
    KITH_CHECK(stage.sequence <= recipe.run.batch_tokens, "a step holds a sequence");
    until = stage.until;
  }
  KITH_CHECK(until == 1.0, "stages reach the end");
  const auto& run = recipe.run;
  KITH_CHECK(run.budget.steps > 0 || run.budget.tokens > 0 || run.budget.minutes > 0.0, "it ends");
  KITH_CHECK(run.batch_tokens > 0 && run.micro_batch_tokens > 0, "a step holds tokens");
  const auto& optimizer = recipe.optimizer;
  for (const double value :
       {optimizer.beta1, optimizer.beta2, optimizer.momentum, optimizer.schedule.peak,
        optimizer.schedule.floor, optimizer.schedule.decay_share, recipe.lora.dropout}) {
    KITH_CHECK(is_share(value), "shares are shares");
  }
  KITH_CHECK(std::isfinite(optimizer.clip) && optimizer.epsilon > 0.0, "numbers are numbers");
  KITH_CHECK(recipe.lora.rank >= 1 && recipe.lora.rank <= 256, "ranks have bounds");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using kith::train::RecipeKind;
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const auto kind : {RecipeKind::kBase, RecipeKind::kAdapter}) {
    const auto recipe = kith::train::parse_recipe(text, "recipe.toml", kind);
    if (recipe) {
      check(*recipe);
    } else {
      kith::base::check_refusal(recipe.error());
    }
  }
  return 0;
}
