#include "kith/train/recipe.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "kith/base/file.h"
#include "kith/base/toml.h"

namespace kith::train {
namespace {

// Reads the keys of one table, remembers the first error, and refuses keys that nobody asked for.
class TableReader {
 public:
  TableReader(const toml::table* table, std::string where)
      : table_(table), where_(std::move(where)) {}

  bool has(const char* key) const { return table_ != nullptr && table_->contains(key); }

  void text(const char* key, std::string& to) {
    if (const auto* node = take(key)) {
      const auto value = node->value_exact<std::string>();
      if (!value) return fail(key, "must be a string");
      to = *value;
    }
  }
  void path(const char* key, std::filesystem::path& to) {
    std::string value = to.string();
    text(key, value);
    to = value;
  }
  void choice(const char* key, std::string& to, const std::vector<std::string>& allowed) {
    text(key, to);
    if (std::find(allowed.begin(), allowed.end(), to) != allowed.end()) return;
    std::string list;
    for (const auto& name : allowed) list += (list.empty() ? "" : ", ") + name;
    fail(key, "must be one of " + list + ": " + to);
  }
  void flag(const char* key, bool& to) {
    if (const auto* node = take(key)) {
      const auto value = node->value_exact<bool>();
      if (!value) return fail(key, "must be true or false");
      to = *value;
    }
  }
  void integer(const char* key, std::int64_t& to, std::int64_t low,
               std::int64_t high = std::numeric_limits<std::int64_t>::max()) {
    if (const auto* node = take(key)) {
      const auto value = node->value_exact<std::int64_t>();
      if (!value) return fail(key, "must be an integer");
      to = *value;
    }
    if (to < low || to > high) {
      const std::string bound =
          high == std::numeric_limits<std::int64_t>::max()
              ? "at least " + std::to_string(low)
              : "in [" + std::to_string(low) + ", " + std::to_string(high) + "]";
      fail(key, "must be " + bound + ": " + std::to_string(to));
    }
  }
  void real(const char* key, double& to, double low, double high) {
    if (const auto* node = take(key)) {
      const auto value = node->value<double>();
      if (!value || node->is_boolean()) return fail(key, "must be a number");
      to = *value;
    }
    if (!(to >= low && to <= high)) {
      std::ostringstream out;
      out << "must be in [" << low << ", " << high << "]: " << to;
      fail(key, out.str());
    }
  }
  void texts(const char* key, std::vector<std::string>& to) {
    const auto* node = take(key);
    if (node == nullptr) return;
    const auto* array = node->as_array();
    if (array == nullptr) return fail(key, "must be an array of strings");
    to.clear();
    for (const auto& item : *array) {
      const auto value = item.value_exact<std::string>();
      if (!value) return fail(key, "must be an array of strings");
      to.push_back(*value);
    }
  }
  void child(const char* key, const std::function<void(TableReader&)>& read) {
    const auto* node = take(key);
    if (node != nullptr && !node->is_table()) return fail(key, "must be a table");
    TableReader reader(node == nullptr ? nullptr : node->as_table(), where_ + "[" + key + "] ");
    read(reader);
    adopt(reader.finish());
  }
  void children(const char* key, const std::function<void(TableReader&)>& read) {
    const auto* node = take(key);
    if (node == nullptr) return;
    const auto* array = node->as_array();
    if (array == nullptr) return fail(key, std::string("must be written as [[") + key + "]]");
    for (std::size_t i = 0; i < array->size(); ++i) {
      const auto* table = array->get(i)->as_table();
      if (table == nullptr) return fail(key, "must be an array of tables");
      TableReader reader(table, where_ + "[[" + key + "]] " + std::to_string(i + 1) + ": ");
      read(reader);
      adopt(reader.finish());
    }
  }
  void require(const char* key) {
    if (!has(key)) fail(key, "is missing");
  }
  void fail(const std::string& key, const std::string& problem) {
    if (!error_) error_ = Error{ErrorCode::kInvalidArgument, where_ + key + " " + problem};
  }
  void adopt(const Status& status) {
    if (!status && !error_) error_ = status.error();
  }
  Status finish() {
    if (table_ != nullptr) {
      for (const auto& [key, node] : *table_) {
        if (known_.contains(std::string(key.str()))) continue;
        std::string list;
        for (const auto& name : known_) list += (list.empty() ? "" : ", ") + name;
        fail(std::string(key.str()), "is not a key here; allowed: " + list);
      }
    }
    if (error_) return *error_;
    return {};
  }

 private:
  const toml::node* take(const char* key) {
    known_.insert(key);
    return table_ == nullptr ? nullptr : table_->get(key);
  }

  const toml::table* table_;
  std::string where_;
  std::set<std::string> known_;
  std::optional<Error> error_;
};

constexpr double kHuge = 1e18;

void read_model(TableReader& in, ModelConfig& model) {
  in.integer("hidden_size", model.hidden_size, 2);
  in.integer("num_hidden_layers", model.num_hidden_layers, 1);
  in.integer("num_attention_heads", model.num_attention_heads, 1);
  in.integer("num_key_value_heads", model.num_key_value_heads, 1);
  in.integer("head_dim", model.head_dim, 2);
  in.integer("intermediate_size", model.intermediate_size, 1);
  in.integer("max_position_embeddings", model.max_position_embeddings, 1);
  in.real("rope_theta", model.rope_theta, 1.0, kHuge);
  in.real("rms_norm_eps", model.rms_norm_eps, 1e-12, 1.0);
  in.flag("tie_word_embeddings", model.tie_word_embeddings);
}

DataSource read_source(TableReader& in) {
  DataSource source;
  in.require("path");
  in.path("path", source.path);
  source.name = source.path.stem().string();
  in.text("name", source.name);
  in.real("weight", source.weight, 0.0, 1e6);
  std::string packing = "stream";
  in.choice("packing", packing, {"stream", "whole"});
  source.packing = packing == "whole" ? Packing::kWhole : Packing::kStream;
  std::string loss = "all";
  in.choice("loss", loss, {"all", "assistant"});
  source.loss = loss == "assistant" ? LossOn::kAssistant : LossOn::kAll;
  return source;
}

void read_optimizer(TableReader& in, OptimizerRecipe& o) {
  std::string name = "adamw";
  in.choice("name", name, {"adamw", "muon"});
  o.kind = name == "muon" ? OptimizerKind::kMuon : OptimizerKind::kAdamW;
  in.real("momentum", o.momentum, 0.0, 0.9999999);
  in.real("learning_rate", o.schedule.peak, 0.0, 1.0);
  in.real("floor", o.schedule.floor, 0.0, 1.0);
  std::string schedule = "wsd";
  in.choice("schedule", schedule, {"wsd", "cosine", "constant"});
  o.schedule.kind = schedule == "wsd"      ? ScheduleKind::kWsd
                    : schedule == "cosine" ? ScheduleKind::kCosine
                                           : ScheduleKind::kConstant;
  in.integer("warmup_steps", o.schedule.warmup_steps, 0);
  in.real("decay_share", o.schedule.decay_share, 1e-6, 1.0);
  in.real("beta1", o.beta1, 0.0, 0.9999999);
  in.real("beta2", o.beta2, 0.0, 0.9999999);
  in.real("epsilon", o.epsilon, 1e-20, 1.0);
  in.real("weight_decay", o.weight_decay, 0.0, 10.0);
  in.real("clip", o.clip, 0.0, kHuge);
}

void read_run(TableReader& in, RecipeKind kind, RunRecipe& run) {
  if (kind == RecipeKind::kPreference && in.has("batch_tokens")) {
    in.fail("batch_tokens", "is not for preferences; use [preference] batch");
  }
  in.integer("steps", run.budget.steps, 0);
  in.integer("tokens", run.budget.tokens, 0);
  in.real("minutes", run.budget.minutes, 0.0, kHuge);
  if (run.budget.steps == 0 && run.budget.tokens == 0 && run.budget.minutes == 0.0) {
    in.fail("steps", "or tokens or minutes must be given, and positive");
  }
  in.integer("batch_tokens", run.batch_tokens, 1);
  in.integer("micro_batch_tokens", run.micro_batch_tokens, 1);
  in.integer("validate_every", run.validate_every, 0);
  in.integer("validate_tokens", run.validate_tokens, 1);
  in.integer("checkpoint_every", run.checkpoint_every, 0);
  in.real("checkpoint_minutes", run.checkpoint_minutes, 0.0, kHuge);
}

void read_stages(TableReader& in, const Recipe& recipe, std::vector<Stage>& stages) {
  double previous = 0.0;
  in.children("stage", [&](TableReader& stage) {
    Stage value;
    stage.real("until", value.until, 0.0, 1.0);
    stage.integer("sequence", value.sequence, 2);
    if (value.until <= previous) stage.fail("until", "must grow from stage to stage");
    previous = value.until;
    stages.push_back(value);
  });
  if (stages.empty()) stages.push_back({});
  if (stages.back().until < 1.0) in.fail("stage", "the last one must reach until = 1.0");
  for (const Stage& stage : stages) {
    if (stage.sequence > recipe.run.batch_tokens) {
      in.fail("stage",
              "sequence must not exceed run.batch_tokens: " + std::to_string(stage.sequence));
    }
  }
}

// has_shape: an adapter to go on from decides rank, alpha and targets.
void read_lora(TableReader& in, bool has_shape, LoraRecipe& lora) {
  for (const char* key : {"rank", "alpha", "targets"}) {
    if (has_shape && in.has(key)) in.fail(key, "is that of init_adapter; leave it out");
  }
  in.integer("rank", lora.rank, 1, 256);
  in.real("alpha", lora.alpha, 1e-6, 1e6);
  in.real("dropout", lora.dropout, 0.0, 0.99);
  in.texts("targets", lora.targets);
}

// A file of preferences, or, among those for validation, of texts: `is_text`.
DataSource read_preference_source(TableReader& in, bool* is_text) {
  DataSource source;
  std::string holds = "preferences";
  if (is_text != nullptr) {
    in.choice("holds", holds, {"preferences", "text"});
    *is_text = holds == "text";
    if (*is_text) return read_source(in);
  }
  in.require("path");
  in.path("path", source.path);
  source.name = source.path.stem().string();
  in.text("name", source.name);
  return source;
}

void refuse_of_other_method(TableReader& in, const char* method,
                            const std::vector<const char*>& keys) {
  for (const char* key : keys) {
    if (in.has(key)) in.fail(key, std::string("is of method = \"") + method + "\" only");
  }
}

void read_preference(TableReader& in, PreferenceRecipe& p) {
  if (p.method == PreferenceMethod::kDpo) {
    refuse_of_other_method(in, "kto", {"desirable_weight", "undesirable_weight"});
  } else {
    refuse_of_other_method(in, "dpo", {"label_smoothing", "length_normalised", "sft_weight"});
  }
  in.real("beta", p.beta, 1e-6, 1e6);
  in.real("label_smoothing", p.label_smoothing, 0.0, 0.49);
  in.flag("length_normalised", p.length_normalised);
  in.real("sft_weight", p.sft_weight, 0.0, 1e6);
  in.real("desirable_weight", p.desirable_weight, 0.0, 1e6);
  in.real("undesirable_weight", p.undesirable_weight, 0.0, 1e6);
  in.integer("batch", p.batch, 1, 1 << 20);
  in.integer("max_tokens", p.max_tokens, 2);
  in.real("user_share", p.user_share, 1e-9, 1.0);
}

void read_preference_parts(TableReader& in, Recipe& recipe) {
  in.require("method");
  std::string method = "dpo";
  in.choice("method", method, {"dpo", "kto"});
  recipe.preference.method = method == "kto" ? PreferenceMethod::kKto : PreferenceMethod::kDpo;
  in.child("preference", [&](TableReader& t) { read_preference(t, recipe.preference); });
  in.children("data",
              [&](TableReader& t) { recipe.data.push_back(read_preference_source(t, nullptr)); });
  in.children("validation", [&](TableReader& t) {
    bool is_text = false;
    DataSource source = read_preference_source(t, &is_text);
    (is_text ? recipe.validation : recipe.preference.validation).push_back(std::move(source));
  });
  recipe.stages = {{1.0, recipe.preference.max_tokens}};
}

void read_tokenizer(TableReader& in, TokenizerRecipe& tokenizer) {
  in.path("path", tokenizer.path);
  in.integer("vocab_size", tokenizer.vocab_size, 0, 1 << 20);
  in.integer("sample_bytes", tokenizer.sample_bytes, 1);
  if (tokenizer.path.empty() && tokenizer.vocab_size < 260) {
    in.fail("vocab_size", "must be at least 260, or path must be given");
  }
}

void read_base_parts(TableReader& in, Recipe& recipe) {
  in.path("init", recipe.init);
  if (!recipe.init.empty()) {
    recipe.tokenizer.path = recipe.init;
    return;
  }
  in.require("model");
  in.require("tokenizer");
  in.child("tokenizer", [&](TableReader& t) { read_tokenizer(t, recipe.tokenizer); });
  in.child("model", [&](TableReader& t) { read_model(t, recipe.model); });
  ModelConfig checked = recipe.model;
  checked.vocab_size = std::max<std::int64_t>(recipe.tokenizer.vocab_size, 1);
  if (auto status = check_model_config(checked); !status) {
    in.fail("[model]", status.error().message);
  }
}

void read_recipe(TableReader& in, RecipeKind kind, Recipe& recipe) {
  std::int64_t seed = 1;
  in.integer("seed", seed, 0);
  recipe.seed = static_cast<std::uint64_t>(seed);
  in.require("output");
  in.path("output", recipe.output);
  in.choice("device", recipe.device, {"auto", "cpu", "cuda"});
  in.integer("threads", recipe.threads, 0, 1024);
  in.flag("bf16", recipe.bf16);
  if (kind != RecipeKind::kBase) {
    in.require("init");
    in.path("init", recipe.init);
    recipe.tokenizer.path = recipe.init;
    in.path("init_adapter", recipe.init_adapter);
    in.child("lora",
             [&](TableReader& t) { read_lora(t, !recipe.init_adapter.empty(), recipe.lora); });
  } else {
    read_base_parts(in, recipe);
  }
  in.require("data");
  if (kind == RecipeKind::kPreference) {
    read_preference_parts(in, recipe);
  } else {
    in.children("data", [&](TableReader& t) { recipe.data.push_back(read_source(t)); });
    in.children("validation", [&](TableReader& t) { recipe.validation.push_back(read_source(t)); });
  }
  if (recipe.data.empty()) in.fail("data", "must hold at least one source ([[data]])");
  in.child("optimizer", [&](TableReader& t) { read_optimizer(t, recipe.optimizer); });
  in.require("run");
  in.child("run", [&](TableReader& t) { read_run(t, kind, recipe.run); });
  if (kind != RecipeKind::kPreference) read_stages(in, recipe, recipe.stages);
}

}  // namespace

Result<Recipe> parse_recipe(const std::string& text, const std::string& name, RecipeKind kind) {
  toml::table table;
  try {
    table = toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    std::ostringstream out;
    out << name << ": line " << error.source().begin.line << ": " << error.description();
    return Error{ErrorCode::kInvalidArgument, out.str()};
  }
  Recipe recipe;
  TableReader reader(&table, name + ": ");
  read_recipe(reader, kind, recipe);
  KITH_RETURN_IF_ERROR(reader.finish());
  return recipe;
}

Result<Recipe> load_recipe(const std::filesystem::path& path, RecipeKind kind) {
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(path));
  return parse_recipe(text, path.string(), kind);
}

double progress_of(const Budget& budget, std::int64_t steps, std::int64_t tokens, double minutes) {
  double progress = 0.0;
  const auto take = [&](double spent, double whole) {
    if (whole > 0.0) progress = std::max(progress, spent / whole);
  };
  take(static_cast<double>(steps), static_cast<double>(budget.steps));
  take(static_cast<double>(tokens), static_cast<double>(budget.tokens));
  take(minutes, budget.minutes);
  return progress;
}

}  // namespace kith::train
