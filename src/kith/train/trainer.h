// Runs a recipe: reads prepared data, trains, validates, checkpoints and writes the result.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/train/recipe.h"

namespace kith::train {

struct TrainOptions {
  // Continue from OUTPUT/checkpoint.safetensors if there is one.
  bool resume = false;
  // Stop with a checkpoint after so many minutes or steps of this sitting; 0 means no limit. The
  // schedule, which follows the recipe's budget, is not changed.
  double max_minutes = 0.0;
  std::int64_t max_steps = 0;
  // Use prepared data as it is, without looking at the JSONL files.
  bool prepared_only = false;
  // No progress on standard error.
  bool quiet = false;
  // Set from a signal handler: stop with a checkpoint after the step in progress.
  const std::atomic<bool>* stop = nullptr;
};

struct ValidationFigure {
  std::string name;
  double perplexity = 0.0;
  // Mean loss over the tokens that count, nats.
  double loss = 0.0;
  std::int64_t tokens = 0;
};

// How a policy stands to a set of preferences.
struct PreferenceFigure {
  std::string name;
  std::int64_t examples = 0;
  // Share of pairs whose chosen answer gained more over the reference than the rejected one; of
  // thumbs, share that gained more than KTO's z if liked and less if not.
  double accuracy = 0.0;
  // Mean over pairs of beta times the difference of the gains (DPO's h); of thumbs, beta times the
  // difference of the mean gains of liked and disliked answers.
  double margin = 0.0;
  // Share of pairs whose chosen answer is likelier a token than the rejected one; none for thumbs.
  std::optional<double> likelier;
};

// How far up the next value of a feature stands among all its values, over the users whose held-out
// event has one.
struct RankFigure {
  std::string name;
  std::int64_t users = 0;
  double hit_rate_10 = 0.0;  // share among the first ten
  double ndcg_10 = 0.0;      // mean of 1 / log2(rank + 1) for those, rank from 1
};

// How many answers of a set greedy decoding gives word for word, their end included.
struct AnswerFigure {
  std::string name;
  std::int64_t examples = 0;
  double accuracy = 0.0;
  // Negative log-probability of an answer, a mean over examples, nats.
  double loss = 0.0;
};

struct TrainReport {
  std::int64_t steps = 0;
  std::int64_t tokens = 0;
  double seconds = 0.0;
  // Of the last step, nats a token.
  double loss = 0.0;
  double tokens_per_second = 0.0;
  // Whether the whole budget was spent.
  bool finished = false;
  std::vector<ValidationFigure> validation;
  std::vector<PreferenceFigure> preferences;  // preference runs only
  std::vector<RankFigure> ranks;              // timeline runs only
  std::vector<AnswerFigure> answers;          // bridge runs only
  // The Hugging Face or PEFT directory, written when finished.
  std::filesystem::path result;
};

// Writes OUTPUT/model (a Hugging Face directory); OUTPUT also holds tokenizer, cache, log.jsonl and
// checkpoint.safetensors.
// Errors: those of the files; kInvalidArgument for data that does not fit the model; kInternal with
//   the library's message if it fails, and when gradients stop being finite.
Result<TrainReport> train_base(const Recipe& recipe, const TrainOptions& options);

// Writes OUTPUT/adapter (a PEFT directory); the base model is only read.
Result<TrainReport> train_adapter(const Recipe& recipe, const TrainOptions& options);

// Tunes an adapter on preferences (DPO or KTO) against the adapter that it starts from; writes
// OUTPUT/adapter. The reference's log-probabilities are computed once and kept in OUTPUT/cache.
Result<TrainReport> train_preference(const Recipe& recipe, const TrainOptions& options);

// Trains the user encoder on timelines; writes OUTPUT/encoder (docs/formats/timeline.md).
Result<TrainReport> train_timeline(const Recipe& recipe, const TrainOptions& options);

// Trains a bridge from user encoder to language model; writes OUTPUT/bridge, with strategy "enc"
// OUTPUT/encoder, with strategy "lora" OUTPUT/adapter.
Result<TrainReport> train_bridge(const Recipe& recipe, const TrainOptions& options);

struct BenchFigure {
  std::string operations;  // "plain" (eager, autocast) or "custom"
  std::int64_t threads = 0;
  std::int64_t sequence = 0;
  double tokens_per_second = 0.0;
  // Tokens over the CPU time of all threads: comparable when other work shares the machine.
  double tokens_per_cpu_second = 0.0;
};

// Times forward, backward and update on random tokens in the recipe's shape, plain and custom.
Result<std::vector<BenchFigure>> bench_training(const Recipe& recipe, double seconds_each);

}  // namespace kith::train
