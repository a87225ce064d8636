#include "kith/tuning/encoder_recipe.h"

#include <cmath>
#include <sstream>

// Without exceptions the library's compiled part does not serve, so its headers are used alone.
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include "kith/base/file.h"
#include "kith/base/toml.h"

namespace kith::tuning {
namespace {

constexpr const char* kStandard = R"(seed = 1
bf16 = false
window = 200
dropout = 0.2

[model]
hidden_size = 128
num_hidden_layers = 2
num_attention_heads = 4
intermediate_size = 344

[perceiver]
num_latents = 16

[optimizer]
name = "muon"
learning_rate = 2e-3
schedule = "cosine"
warmup_steps = 40
weight_decay = 0.01

[run]
epochs = 60
batch_tokens = 4096
validate_every = 100
checkpoint_every = 25
)";

Error invalid(const std::string& name, const std::string& what) {
  return {ErrorCode::kInvalidArgument, name + ": " + what};
}

}  // namespace

EncoderRecipe EncoderRecipe::standard() { return *parse(kStandard, "the standard recipe"); }

Result<EncoderRecipe> EncoderRecipe::load(const std::filesystem::path& file) {
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(file, std::size_t{1} << 20));
  return parse(text, file.string());
}

Result<EncoderRecipe> EncoderRecipe::parse(const std::string& text, const std::string& name) {
  const toml::parse_result parsed = toml::parse(text, name);
  if (!parsed) {
    return invalid(name + ":" + std::to_string(parsed.error().source().begin.line),
                   std::string(parsed.error().description()));
  }
  const toml::table& table = parsed.table();
  if (table.contains("run") && !table.get("run")->is_table()) {
    return invalid(name, "run must be a table");
  }
  EncoderRecipe recipe;
  recipe.toml_ = text;
  const auto run = table["run"];
  recipe.batch_events_ = run["batch_tokens"].value_or(std::int64_t{4096});
  recipe.epochs_ = run["epochs"].value_or(60.0);
  recipe.steps_ = run["steps"].value_or(std::int64_t{0});
  recipe.events_ = run["tokens"].value_or(std::int64_t{0});
  recipe.is_timed_ = run["minutes"].value_or(0.0) > 0.0;
  if (recipe.batch_events_ < 1) return invalid(name, "[run] batch_tokens must be at least 1");
  if (!(recipe.epochs_ > 0.0 && recipe.epochs_ <= 10'000.0)) {
    return invalid(name, "[run] epochs must be in (0, 10000]");
  }
  return recipe;
}

Status EncoderRecipe::set_steps(std::int64_t steps) {
  if (steps < 1) {
    return Error{ErrorCode::kInvalidArgument, "steps must be at least 1: " + std::to_string(steps)};
  }
  steps_ = steps;
  events_ = 0;
  is_timed_ = false;
  has_own_steps_ = true;
  return {};
}

std::int64_t EncoderRecipe::events_for(std::int64_t data_events) const {
  if (steps_ > 0) return steps_ * batch_events_;
  if (events_ > 0) return events_;
  if (is_timed_) return 0;
  return static_cast<std::int64_t>(std::ceil(epochs_ * static_cast<double>(data_events)));
}

std::string EncoderRecipe::complete(const std::filesystem::path& data,
                                    const std::filesystem::path& output,
                                    std::int64_t data_events) const {
  toml::table table = std::move(toml::parse(toml_)).table();
  if (seed_) table.insert_or_assign("seed", *seed_);
  table.insert_or_assign("timelines", data.string());
  table.insert_or_assign("output", output.string());
  if (!table.contains("run")) table.insert("run", toml::table{});
  toml::table& run = *table["run"].as_table();
  run.erase("epochs");
  if (has_own_steps_) {
    for (const char* key : {"tokens", "minutes"}) run.erase(key);
    run.insert_or_assign("steps", steps_);
  } else if (steps_ == 0 && events_ == 0 && !is_timed_) {
    run.insert_or_assign("tokens", events_for(data_events));
  }
  std::ostringstream out;
  out << "# Written by kith train timeline.\n" << table << "\n";
  return out.str();
}

}  // namespace kith::tuning
