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

void check_timeline(const Recipe& recipe) {
  const auto& timeline = recipe.timeline;
  KITH_CHECK(timeline.window >= 2 && timeline.window < recipe.run.batch_tokens, "a step holds it");
  KITH_CHECK(timeline.dropout >= 0.0 && timeline.dropout < 1.0, "shares are shares");
  KITH_CHECK(kith::train::check_model_config(recipe.model), "the shape is possible");
}

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
  for (const auto kind : {RecipeKind::kBase, RecipeKind::kAdapter, RecipeKind::kTimeline}) {
    const auto recipe = kith::train::parse_recipe(text, "recipe.toml", kind);
    if (recipe) {
      kind == RecipeKind::kTimeline ? check_timeline(*recipe) : check(*recipe);
    } else {
      kith::base::check_refusal(recipe.error());
    }
  }
  return 0;
}
