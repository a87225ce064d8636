// A training recipe: everything that decides a run, read from TOML. See docs/formats/recipe.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/train/model_config.h"
#include "kith/train/schedule.h"

namespace kith::train {

// What of a conversation the loss counts. Plain text always counts whole.
enum class LossOn : std::uint8_t { kAll, kAssistant };

// How documents become windows: text is one stream that is cut anywhere; chats are packed whole.
enum class Packing : std::uint8_t { kStream, kWhole };

struct DataSource {
  std::string name;
  std::filesystem::path path;
  // Passes over the file in one cycle of the mixture; fractions draw a random part.
  double weight = 1.0;
  Packing packing = Packing::kStream;
  LossOn loss = LossOn::kAll;
};

struct TokenizerRecipe {
  // An existing Hugging Face directory; empty means train one.
  std::filesystem::path path;
  std::int64_t vocab_size = 0;
  std::int64_t sample_bytes = 64 << 20;
};

// Sequence length from the previous stage's end until this share of the budget.
struct Stage {
  double until = 1.0;
  std::int64_t sequence = 512;
};

struct Budget {
  // 0 means no such limit; at least one is set. The first one reached ends the run.
  std::int64_t steps = 0;
  std::int64_t tokens = 0;
  double minutes = 0.0;
};

enum class OptimizerKind : std::uint8_t { kAdamW, kMuon };

struct OptimizerRecipe {
  OptimizerKind kind = OptimizerKind::kAdamW;
  // Of Muon's running mean of the gradient.
  double momentum = 0.95;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  // On matrices only.
  double weight_decay = 0.1;
  // Largest L2 norm of the gradient; 0 means no clipping.
  double clip = 1.0;
  Schedule schedule;
};

struct RunRecipe {
  Budget budget;
  // Tokens of one optimizer step and of one forward pass.
  std::int64_t batch_tokens = 16384;
  std::int64_t micro_batch_tokens = 4096;
  // In steps; 0 turns it off. Checkpoints are also written by time and at the end.
  std::int64_t validate_every = 250;
  std::int64_t checkpoint_every = 0;
  double checkpoint_minutes = 10.0;
  // Most tokens of each validation file that are read.
  std::int64_t validate_tokens = 32768;
};

struct LoraRecipe {
  std::int64_t rank = 16;
  double alpha = 32.0;
  double dropout = 0.0;
  std::vector<std::string> targets{"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                   "gate_proj", "up_proj", "down_proj"};
};

enum class PreferenceMethod : std::uint8_t { kDpo, kKto };

// What a preference file holds: two answers to a prompt, one chosen, or one answer with a thumb.
enum class PreferenceForm : std::uint8_t { kPairs, kThumbs };

// See preference_loss.h for what the numbers do.
struct PreferenceRecipe {
  PreferenceMethod method = PreferenceMethod::kDpo;
  double beta = 0.1;
  // DPO only.
  double label_smoothing = 0.0;
  bool length_normalised = false;
  double sft_weight = 0.0;
  // KTO only.
  double desirable_weight = 1.0;
  double undesirable_weight = 1.0;
  // Pairs or thumbs of one optimizer step.
  std::int64_t batch = 16;
  // Longest prompt with answer.
  std::int64_t max_tokens = 1024;
  // Largest share of the weight that one user's examples have together.
  double user_share = 0.02;
  // Preference files; Recipe::validation holds texts, for their perplexity.
  std::vector<DataSource> validation;
};

// What reads a user's states (perceiver.h), trained when the encoder is.
struct PerceiverRecipe {
  // 0: none is trained.
  std::int64_t num_latents = 0;
  std::int64_t num_layers = 2;
  std::int64_t num_attention_heads = 4;
  std::int64_t intermediate_size = 256;
  // Events behind a moment that the vector of the events before it predicts.
  std::int64_t horizon = 16;
  // Of its optimizer.
  std::int64_t steps = 400;
};

struct TimelineRecipe {
  // Directory of timelines as numbers (timeline_data.h).
  std::filesystem::path data;
  // Events that a window holds, and that the encoder attends to when it serves.
  std::int64_t window = 200;
  // Share of what every block adds to the residual stream that is left out at random.
  double dropout = 0.2;
  PerceiverRecipe perceiver;
};

// How a user's memory enters the language model; kNone: not at all, for comparison.
enum class BridgeType : std::uint8_t { kSoftPrompt, kCrossAttention, kNone };

// What is trained: the bridge alone; the user encoder with it; an adapter of the language model
// with it.
enum class BridgeStrategy : std::uint8_t { kProjection, kEncoder, kLora };

struct BridgeRecipe {
  BridgeType type = BridgeType::kSoftPrompt;
  BridgeStrategy strategy = BridgeStrategy::kProjection;
  // What `train timeline` wrote, and the timelines that the examples are of.
  std::filesystem::path encoder;
  std::filesystem::path timelines;
  // Of a soft prompt; 0: the decoder's hidden size.
  std::int64_t intermediate_size = 0;
  // Of cross-attention; none and 0: every third layer, and the decoder's.
  std::vector<std::int64_t> layers;
  std::int64_t num_attention_heads = 0;
  std::int64_t num_key_value_heads = 0;
  std::int64_t head_dim = 0;
  // Examples of one optimizer step.
  std::int64_t batch = 16;
  // Longest prompt with answer.
  std::int64_t max_tokens = 1024;
  // Written into the bridge, which then refuses memories of another; empty: not.
  std::string encoder_version;
};

enum class RecipeKind : std::uint8_t { kBase, kAdapter, kPreference, kTimeline, kBridge };

struct Recipe {
  std::uint64_t seed = 1;
  std::filesystem::path output;
  // "auto", "cpu" or "cuda".
  std::string device = "auto";
  // 0 means all.
  std::int64_t threads = 0;
  bool bf16 = true;
  // A Hugging Face directory to start from: required for adapters, optional for base models.
  std::filesystem::path init;
  // A PEFT directory to go on from, adapters only; its rank, alpha and targets hold. Empty: a fresh
  // adapter.
  std::filesystem::path init_adapter;
  ModelConfig model;  // base models without init only
  TokenizerRecipe tokenizer;
  std::vector<DataSource> data;
  std::vector<DataSource> validation;
  std::vector<Stage> stages;
  OptimizerRecipe optimizer;
  RunRecipe run;
  LoraRecipe lora;              // adapters only
  PreferenceRecipe preference;  // preference runs only
  TimelineRecipe timeline;      // timeline runs only; `model` is the encoder's shape
  BridgeRecipe bridge;          // bridge runs only
};

// Reads and checks a recipe. Paths in it are relative to the working directory.
// Errors: kNotFound; kInvalidArgument naming the file, the key and what is allowed, also for keys
//   that do not exist.
Result<Recipe> load_recipe(const std::filesystem::path& path, RecipeKind kind);
// The same from text; `name` stands for the file in messages.
Result<Recipe> parse_recipe(const std::string& text, const std::string& name, RecipeKind kind);

// Share of the budget that is spent, at least 0, 1 or more when the run is over.
double progress_of(const Budget& budget, std::int64_t steps, std::int64_t tokens, double minutes);

}  // namespace kith::train
