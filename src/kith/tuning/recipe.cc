#include "kith/tuning/recipe.h"

#include <algorithm>
#include <array>
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
bf16 = true

[lora]
rank = 16
alpha = 32
dropout = 0.05

[[stage]]
until = 1.0
sequence = 1024

[optimizer]
learning_rate = 1e-3
schedule = "cosine"
warmup_steps = 10
weight_decay = 0.0

[run]
epochs = 3
batch_tokens = 4096
micro_batch_tokens = 4096
validate_every = 20
checkpoint_every = 10
)";

// Fewer steps learn no voice, more of them learn a small dataset by heart.
constexpr std::int64_t kMinSteps = 20;
constexpr std::int64_t kMaxSteps = 2000;

constexpr std::array kAllowed = std::to_array<std::string_view>(
    {"seed", "device", "threads", "bf16", "lora", "optimizer", "run", "stage"});

Error invalid(const std::string& name, const std::string& what) {
  return {ErrorCode::kInvalidArgument, name + ": " + what};
}

Status check_keys(const toml::table& table, const std::string& name) {
  for (const auto& [key, node] : table) {
    if (std::find(kAllowed.begin(), kAllowed.end(), key.str()) != kAllowed.end()) continue;
    return invalid(name, std::string(key.str()) +
                             " is not a key of a persona's recipe; allowed: seed, device, threads, "
                             "bf16, [lora], [optimizer], [run], [[stage]]");
  }
  for (const char* key : {"lora", "optimizer", "run"}) {
    if (table.contains(key) && !table.get(key)->is_table()) {
      return invalid(name, std::string(key) + " must be a table");
    }
  }
  return {};
}

toml::array source(const std::string& name, const std::filesystem::path& file) {
  return toml::array{toml::table{
      {"name", name}, {"path", file.string()}, {"packing", "whole"}, {"loss", "assistant"}}};
}

}  // namespace

RecipeTemplate RecipeTemplate::standard() { return *parse(kStandard, "the standard recipe"); }

Result<RecipeTemplate> RecipeTemplate::load(const std::filesystem::path& file) {
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(file, std::size_t{1} << 20));
  return parse(text, file.string());
}

Result<RecipeTemplate> RecipeTemplate::parse(const std::string& text, const std::string& name) {
  const toml::parse_result parsed = toml::parse(text, name);
  if (!parsed) {
    return invalid(name + ":" + std::to_string(parsed.error().source().begin.line),
                   std::string(parsed.error().description()));
  }
  const toml::table& table = parsed.table();
  KITH_RETURN_IF_ERROR(check_keys(table, name));
  RecipeTemplate recipe;
  recipe.toml_ = text;
  recipe.batch_tokens_ = table["run"]["batch_tokens"].value_or(std::int64_t{4096});
  recipe.epochs_ = table["run"]["epochs"].value_or(3.0);
  recipe.steps_ = table["run"]["steps"].value_or(std::int64_t{0});
  recipe.has_budget_ = recipe.steps_ > 0 || table["run"]["tokens"].value_or(std::int64_t{0}) > 0 ||
                       table["run"]["minutes"].value_or(0.0) > 0.0;
  if (recipe.batch_tokens_ < 1) return invalid(name, "[run] batch_tokens must be at least 1");
  if (!(recipe.epochs_ > 0.0 && recipe.epochs_ <= 1000.0)) {
    return invalid(name, "[run] epochs must be in (0, 1000]");
  }
  std::int64_t longest = 0;
  if (const auto* stages = table["stage"].as_array()) {
    for (std::size_t i = 0; i < stages->size(); ++i) {
      longest = std::max(longest, table["stage"][i]["sequence"].value_or(std::int64_t{512}));
    }
  }
  recipe.sequence_ = longest > 0 ? longest : 512;
  if (recipe.sequence_ < 16) return invalid(name, "[[stage]] sequence must be at least 16");
  return recipe;
}

Status RecipeTemplate::set_steps(std::int64_t steps) {
  if (steps < 1) {
    return Error{ErrorCode::kInvalidArgument, "steps must be at least 1: " + std::to_string(steps)};
  }
  steps_ = steps;
  has_budget_ = true;
  has_own_steps_ = true;
  return {};
}

std::int64_t RecipeTemplate::steps_for(std::int64_t data_tokens) const {
  if (has_budget_) return steps_;
  const double steps =
      std::ceil(epochs_ * static_cast<double>(data_tokens) / static_cast<double>(batch_tokens_));
  return std::clamp(static_cast<std::int64_t>(steps), kMinSteps, kMaxSteps);
}

std::string RecipeTemplate::complete(const Parts& parts) const {
  toml::table table = std::move(toml::parse(toml_)).table();
  if (seed_) table.insert_or_assign("seed", *seed_);
  table.insert_or_assign("output", parts.output.string());
  table.insert_or_assign("init", parts.base_model.string());
  if (!parts.init_adapter.empty()) {
    table.insert_or_assign("init_adapter", parts.init_adapter.string());
    // The adapter's own hold.
    if (auto* lora = table["lora"].as_table()) {
      for (const char* key : {"rank", "alpha", "targets"}) lora->erase(key);
    }
  }
  if (!table.contains("run")) table.insert("run", toml::table{});
  toml::table& run = *table["run"].as_table();
  run.erase("epochs");
  if (has_own_steps_) {
    for (const char* key : {"tokens", "minutes"}) run.erase(key);
  }
  if (!has_budget_ || has_own_steps_) run.insert_or_assign("steps", steps_for(parts.data_tokens));
  table.insert_or_assign("data", source("train", parts.data / "train.jsonl"));
  toml::array validation = source("valid_users", parts.data / "valid_users.jsonl");
  if (parts.has_valid_latest) {
    validation.push_back(
        source("valid_latest", parts.data / "valid_latest.jsonl")[0].ref<toml::table>());
  }
  table.insert_or_assign("validation", std::move(validation));
  std::ostringstream out;
  out << "# Written by kith persona train.\n" << table << "\n";
  return out.str();
}

}  // namespace kith::tuning
