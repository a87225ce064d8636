#include "kith/train/recipe.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "kith/base/file.h"
#include "kith/base/toml_table.h"

namespace kith::train {
namespace {

using base::TomlTable;

constexpr double kHuge = 1e18;

void read_model(TomlTable& in, ModelConfig& model) {
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

DataSource read_source(TomlTable& in) {
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

void read_optimizer(TomlTable& in, OptimizerRecipe& o) {
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

void read_run(TomlTable& in, RecipeKind kind, RunRecipe& run) {
  if (kind == RecipeKind::kPreference && in.has("batch_tokens")) {
    in.fail("batch_tokens", "is not for preferences; use [preference] batch");
  }
  if (kind == RecipeKind::kBridge && in.has("batch_tokens")) {
    in.fail("batch_tokens", "is not for bridges; use [bridge] batch");
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

void read_stages(TomlTable& in, const Recipe& recipe, std::vector<Stage>& stages) {
  double previous = 0.0;
  in.children("stage", [&](TomlTable& stage) {
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
void read_lora(TomlTable& in, bool has_shape, LoraRecipe& lora) {
  for (const char* key : {"rank", "alpha", "targets"}) {
    if (has_shape && in.has(key)) in.fail(key, "is that of init_adapter; leave it out");
  }
  in.integer("rank", lora.rank, 1, 256);
  in.real("alpha", lora.alpha, 1e-6, 1e6);
  in.real("dropout", lora.dropout, 0.0, 0.99);
  in.texts("targets", lora.targets);
}

// A file of preferences, or, among those for validation, of texts: `is_text`.
DataSource read_preference_source(TomlTable& in, bool* is_text) {
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

void refuse_of_other_method(TomlTable& in, const char* method,
                            const std::vector<const char*>& keys) {
  for (const char* key : keys) {
    if (in.has(key)) in.fail(key, std::string("is of method = \"") + method + "\" only");
  }
}

void read_preference(TomlTable& in, PreferenceRecipe& p) {
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

void read_preference_parts(TomlTable& in, Recipe& recipe) {
  in.require("method");
  std::string method = "dpo";
  in.choice("method", method, {"dpo", "kto"});
  recipe.preference.method = method == "kto" ? PreferenceMethod::kKto : PreferenceMethod::kDpo;
  in.child("preference", [&](TomlTable& t) { read_preference(t, recipe.preference); });
  in.children("data",
              [&](TomlTable& t) { recipe.data.push_back(read_preference_source(t, nullptr)); });
  in.children("validation", [&](TomlTable& t) {
    bool is_text = false;
    DataSource source = read_preference_source(t, &is_text);
    (is_text ? recipe.validation : recipe.preference.validation).push_back(std::move(source));
  });
  recipe.stages = {{1.0, recipe.preference.max_tokens}};
}

void read_bridge(TomlTable& in, BridgeRecipe& bridge) {
  const auto of_type = [&](BridgeType type, const char* name, std::vector<const char*> keys) {
    for (const char* key : keys) {
      if (bridge.type != type && in.has(key)) {
        in.fail(key, std::string("is of type = \"") + name + "\" only");
      }
    }
  };
  of_type(BridgeType::kSoftPrompt, "soft_prompt", {"intermediate_size"});
  of_type(BridgeType::kCrossAttention, "cross_attention",
          {"layers", "num_attention_heads", "num_key_value_heads", "head_dim"});
  in.integer("intermediate_size", bridge.intermediate_size, 0, 1 << 16);
  in.integers("layers", bridge.layers, 0, 1 << 16);
  in.integer("num_attention_heads", bridge.num_attention_heads, 0, 1024);
  in.integer("num_key_value_heads", bridge.num_key_value_heads, 0, 1024);
  in.integer("head_dim", bridge.head_dim, 0, 1024);
  in.integer("batch", bridge.batch, 1, 1 << 20);
  in.integer("max_tokens", bridge.max_tokens, 2);
  in.text("encoder_version", bridge.encoder_version);
}

// Examples, for training or validation.
DataSource read_examples(TomlTable& in) {
  DataSource source;
  in.require("path");
  in.path("path", source.path);
  source.name = source.path.stem().string();
  in.text("name", source.name);
  return source;
}

void read_bridge_parts(TomlTable& in, Recipe& recipe) {
  BridgeRecipe& bridge = recipe.bridge;
  in.require("type");
  std::string type = "soft_prompt";
  in.choice("type", type, {"soft_prompt", "cross_attention", "none"});
  bridge.type = type == "soft_prompt"       ? BridgeType::kSoftPrompt
                : type == "cross_attention" ? BridgeType::kCrossAttention
                                            : BridgeType::kNone;
  std::string strategy = bridge.type == BridgeType::kNone ? "lora" : "proj";
  in.choice("strategy", strategy, {"proj", "enc", "lora"});
  bridge.strategy = strategy == "proj"  ? BridgeStrategy::kProjection
                    : strategy == "enc" ? BridgeStrategy::kEncoder
                                        : BridgeStrategy::kLora;
  const bool has_bridge = bridge.type != BridgeType::kNone;
  if (!has_bridge && bridge.strategy != BridgeStrategy::kLora) {
    in.fail("strategy", "must be lora without a bridge: nothing else could be trained");
  }
  for (const char* key : {"encoder", "timelines"}) {
    if (has_bridge) in.require(key);
    if (!has_bridge && in.has(key)) in.fail(key, "is not read without a bridge");
  }
  if (bridge.strategy != BridgeStrategy::kLora && in.has("lora")) {
    in.fail("lora", "is of strategy = \"lora\" only");
  }
  in.path("encoder", bridge.encoder);
  in.path("timelines", bridge.timelines);
  in.child("bridge", [&](TomlTable& t) { read_bridge(t, bridge); });
  in.children("data", [&](TomlTable& t) { recipe.data.push_back(read_examples(t)); });
  in.children("validation", [&](TomlTable& t) { recipe.validation.push_back(read_examples(t)); });
}

void read_tokenizer(TomlTable& in, TokenizerRecipe& tokenizer) {
  in.path("path", tokenizer.path);
  in.integer("vocab_size", tokenizer.vocab_size, 0, 1 << 20);
  in.integer("sample_bytes", tokenizer.sample_bytes, 1);
  if (tokenizer.path.empty() && tokenizer.vocab_size < 260) {
    in.fail("vocab_size", "must be at least 260, or path must be given");
  }
}

void read_base_parts(TomlTable& in, Recipe& recipe) {
  in.path("init", recipe.init);
  if (!recipe.init.empty()) {
    recipe.tokenizer.path = recipe.init;
    return;
  }
  in.require("model");
  in.require("tokenizer");
  in.child("tokenizer", [&](TomlTable& t) { read_tokenizer(t, recipe.tokenizer); });
  in.child("model", [&](TomlTable& t) { read_model(t, recipe.model); });
  ModelConfig checked = recipe.model;
  checked.vocab_size = std::max<std::int64_t>(recipe.tokenizer.vocab_size, 1);
  if (auto status = check_model_config(checked); !status) {
    in.fail("[model]", status.error().message);
  }
}

// The vocabulary is that of the data.
void read_encoder_model(TomlTable& in, ModelConfig& model) {
  in.integer("hidden_size", model.hidden_size, 2);
  in.integer("num_hidden_layers", model.num_hidden_layers, 1);
  in.integer("num_attention_heads", model.num_attention_heads, 1);
  in.integer("intermediate_size", model.intermediate_size, 1);
  if (model.hidden_size % std::max<std::int64_t>(1, model.num_attention_heads) != 0) {
    in.fail("hidden_size",
            "must be a multiple of num_attention_heads: " + std::to_string(model.hidden_size));
  }
  model.num_key_value_heads = model.num_attention_heads;
  model.head_dim = model.hidden_size / std::max<std::int64_t>(1, model.num_attention_heads);
  model.vocab_size = 1;
  if (auto status = check_model_config(model); !status) in.fail("", status.error().message);
}

void read_perceiver(TomlTable& in, std::int64_t width, PerceiverRecipe& perceiver) {
  perceiver.num_latents = 16;
  in.integer("num_latents", perceiver.num_latents, 1, 512);
  in.integer("num_layers", perceiver.num_layers, 1, 16);
  in.integer("num_attention_heads", perceiver.num_attention_heads, 1, 1024);
  in.integer("intermediate_size", perceiver.intermediate_size, 1, 1 << 16);
  in.integer("horizon", perceiver.horizon, 1, 4096);
  in.integer("steps", perceiver.steps, 1);
  if (width % std::max<std::int64_t>(1, perceiver.num_attention_heads) != 0) {
    in.fail("num_attention_heads", "must divide hidden_size " + std::to_string(width) + ": " +
                                       std::to_string(perceiver.num_attention_heads));
  }
}

void read_timeline_parts(TomlTable& in, Recipe& recipe) {
  TimelineRecipe& timeline = recipe.timeline;
  in.require("timelines");
  in.path("timelines", timeline.data);
  in.integer("window", timeline.window, 2, 4096);
  in.real("dropout", timeline.dropout, 0.0, 0.99);
  recipe.model.hidden_size = 128;
  recipe.model.num_hidden_layers = 2;
  recipe.model.num_attention_heads = 4;
  recipe.model.intermediate_size = 344;
  recipe.model.rms_norm_eps = 1e-6;
  recipe.model.max_position_embeddings = timeline.window;
  in.child("model", [&](TomlTable& t) { read_encoder_model(t, recipe.model); });
  if (in.has("perceiver")) {
    in.child("perceiver", [&](TomlTable& t) {
      read_perceiver(t, recipe.model.hidden_size, timeline.perceiver);
    });
  }
  in.child("optimizer", [&](TomlTable& t) { read_optimizer(t, recipe.optimizer); });
  in.require("run");
  in.child("run", [&](TomlTable& t) { read_run(t, RecipeKind::kTimeline, recipe.run); });
  if (recipe.run.batch_tokens <= timeline.window) {
    in.fail("run", "batch_tokens must be above window: " + std::to_string(recipe.run.batch_tokens));
  }
}

void read_recipe(TomlTable& in, RecipeKind kind, Recipe& recipe) {
  std::int64_t seed = 1;
  in.integer("seed", seed, 0);
  recipe.seed = static_cast<std::uint64_t>(seed);
  in.require("output");
  in.path("output", recipe.output);
  in.choice("device", recipe.device, {"auto", "cpu", "cuda"});
  in.integer("threads", recipe.threads, 0, 1024);
  in.flag("bf16", recipe.bf16);
  if (kind == RecipeKind::kTimeline) return read_timeline_parts(in, recipe);
  if (kind != RecipeKind::kBase) {
    in.require("init");
    in.path("init", recipe.init);
    recipe.tokenizer.path = recipe.init;
    in.path("init_adapter", recipe.init_adapter);
    in.child("lora",
             [&](TomlTable& t) { read_lora(t, !recipe.init_adapter.empty(), recipe.lora); });
  } else {
    read_base_parts(in, recipe);
  }
  in.require("data");
  if (kind == RecipeKind::kPreference) {
    read_preference_parts(in, recipe);
  } else if (kind == RecipeKind::kBridge) {
    read_bridge_parts(in, recipe);
  } else {
    in.children("data", [&](TomlTable& t) { recipe.data.push_back(read_source(t)); });
    in.children("validation", [&](TomlTable& t) { recipe.validation.push_back(read_source(t)); });
  }
  if (recipe.data.empty()) in.fail("data", "must hold at least one source ([[data]])");
  in.child("optimizer", [&](TomlTable& t) { read_optimizer(t, recipe.optimizer); });
  in.require("run");
  in.child("run", [&](TomlTable& t) { read_run(t, kind, recipe.run); });
  const bool has_stages = kind == RecipeKind::kBase || kind == RecipeKind::kAdapter;
  if (has_stages) read_stages(in, recipe, recipe.stages);
}

}  // namespace

Result<Recipe> parse_recipe(const std::string& text, const std::string& name, RecipeKind kind) {
  KITH_ASSIGN_OR_RETURN(const toml::table table, base::parse_toml(text, name));
  Recipe recipe;
  TomlTable reader(&table, name + ": ");
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
