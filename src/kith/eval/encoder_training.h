// Trains a user encoder on a part of some data, for an evaluation.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/timeline/event_encoder.h"
#include "kith/timeline/schema.h"

namespace kith::eval {

// Runs `kith-train train timeline` on a recipe and says where the encoder is. The suite runs in
// another program than the trainer: whoever starts it knows how to reach that.
using EncoderTrainer =
    std::function<Result<std::filesystem::path>(const std::filesystem::path& recipe)>;

// What decides a training run beside its data (docs/formats/recipe.md).
struct EncoderSettings {
  int hidden_size = 128;
  int layers = 2;
  int heads = 2;
  int intermediate_size = 256;
  double dropout = 0.3;
  // "adamw" or "muon".
  std::string optimizer = "muon";
  double learning_rate = 2e-3;
  double weight_decay = 0.05;
  // Of a step: a fiftieth of the events, but within these bounds. Small data need more steps than
  // large batches leave them.
  int least_batch_events = 1600;
  int most_batch_events = 4800;
  int window = 200;
  // The first of the two that is spent ends the run.
  int epochs = 30;
  double minutes = 60.0;
  // Validations in a run.
  int validations = 20;
};

// Timelines of users, oldest event first.
using Timelines = std::vector<std::vector<storage::TimelineEvent>>;

// Fits the schema to the timelines, trains on them, and loads what came of it.
//   dir: made; holds data, recipe and run
// Errors: those of files and of the trainer.
Result<std::unique_ptr<timeline::EventEncoder>> train_encoder(
    const timeline::TimelineSchema& schema, const Timelines& timelines,
    const EncoderSettings& settings, std::uint64_t seed, const std::filesystem::path& dir,
    const EncoderTrainer& trainer);

}  // namespace kith::eval
