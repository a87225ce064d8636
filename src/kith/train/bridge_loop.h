// The loop that trains a bridge on examples: the loss of the answers alone, given the prompt and
// the user's memory; validation by how many answers greedy decoding would give word for word.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/train/bridge_data.h"
#include "kith/train/decoder.h"
#include "kith/train/lora.h"
#include "kith/train/progress.h"
#include "kith/train/trainer.h"
#include "kith/train/training_run.h"
#include "kith/train/user_bridge.h"
#include "kith/train/user_encoder.h"

namespace kith::train {

// Not thread-safe. Borrows everything it is given. Library exceptions pass through.
class BridgeLoop {
 public:
  struct Parts {
    const Recipe& recipe;
    const TrainOptions& options;
    const PreparedData& prepared;
    Decoder& decoder;
    // These two and the timelines are null where the recipe has no bridge.
    UserBridge* bridge;
    UserEncoder* encoder;
    const TimelineData* timelines;
    // Null but for strategy lora.
    LoraWeights* lora;
    // Identifies the shape of the run in checkpoints.
    std::string config;
    ProgressReporter& reporter;
  };

  explicit BridgeLoop(Parts parts);

  // Errors: those of files; kInternal when gradients stop being finite.
  Result<TrainReport> run();

 private:
  // A file with the memories of its examples, [examples, rows, width], where they do not change.
  struct ExampleSet {
    BridgeExamples examples;
    torch::Tensor memories;
  };
  struct Place {
    std::size_t set;
    std::size_t index;
  };
  // Some examples as one padded batch.
  struct Tokens {
    torch::Tensor ids;      // [rows, seq] int64
    torch::Tensor targets;  // [rows, seq] int64, negative where not counted
    std::int64_t counted = 0;
  };

  static std::vector<ParameterStore*> trained_stores(const Parts& parts);
  bool trains_encoder() const;
  Result<std::vector<ExampleSet>> open_sets(const std::vector<std::filesystem::path>& paths);
  torch::Tensor all_memories(const BridgeExamples& examples) const;
  torch::Tensor memories_of(const std::vector<ExampleSet>& sets,
                            const std::vector<Place>& places) const;
  Tokens tokens_of(const std::vector<ExampleSet>& sets, const std::vector<Place>& places) const;
  std::vector<std::vector<Place>> micro_batches(const std::vector<ExampleSet>& sets,
                                                const std::vector<Place>& places) const;
  Status resume_if_asked();
  void build_cycle();
  std::vector<Place> next_batch();
  double accumulate_gradients(const std::vector<Place>& places, std::int64_t& tokens);
  Status train_step();
  Status validate(TrainReport& report);
  AnswerFigure validate(std::size_t set, std::string& lines);

  Parts parts_;
  TrainingRun run_;
  std::vector<ExampleSet> sets_;
  std::vector<ExampleSet> validation_sets_;
  std::vector<Place> places_;
  // Indices of places_ in the order of the current cycle.
  std::vector<std::size_t> cycle_;
};

}  // namespace kith::train
