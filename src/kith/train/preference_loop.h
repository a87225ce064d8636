// The loop of preference tuning: examples in a random order that can be taken up again, the loss
// against cached reference scores, validation, checkpoints.
#pragma once

#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/train/decoder.h"
#include "kith/train/lora.h"
#include "kith/train/preference_data.h"
#include "kith/train/preference_loss.h"
#include "kith/train/progress.h"
#include "kith/train/recipe.h"
#include "kith/train/trainer.h"
#include "kith/train/training_run.h"

namespace kith::train {

// Not thread-safe. Borrows everything it is given. Library exceptions pass through.
class PreferenceLoop {
 public:
  struct Parts {
    const Recipe& recipe;
    const TrainOptions& options;
    const PreparedPreferences& prepared;
    // With `lora` set; as it stands it is the reference.
    Decoder& decoder;
    LoraWeights& lora;
    // Identifies the shape of the run in checkpoints.
    std::string config;
    ProgressReporter& reporter;
  };

  explicit PreferenceLoop(Parts parts);

  // Errors: those of files; kInternal when gradients stop being finite.
  Result<TrainReport> run();

 private:
  // A file with the reference's scores of it.
  struct ScoredSet {
    PreferenceSet set;
    torch::Tensor reference;  // [examples, 2] float
  };
  struct Example {
    std::size_t set;
    std::size_t index;
    // Of its user's share, mean 1.
    double weight;
  };

  Result<std::vector<ScoredSet>> open_sets(const std::vector<std::filesystem::path>& paths,
                                           std::uint64_t key);
  void weigh_examples();
  Status resume_if_asked();
  void build_cycle();
  std::vector<Example> next_batch();
  // Forward and backward over one step's examples; returns the mean loss.
  double accumulate_gradients(const std::vector<Example>& examples, std::int64_t& tokens);
  torch::Tensor batch_divergence(const std::vector<Example>& examples);
  // Summed, weighted loss of some examples of a step.
  torch::Tensor micro_loss(const std::vector<Example>& examples, const torch::Tensor& divergence);
  torch::Tensor reference_of(const std::vector<Example>& examples, std::int64_t column) const;
  Status train_step();
  PreferenceFigure validate(const std::string& name, const ScoredSet& scored);
  double text_loss(const TokenShard& shard, const DataSource& source, std::int64_t& tokens);
  void validate_all(TrainReport& report);

  Parts parts_;
  const PreferenceRecipe& preference_;
  std::int64_t pad_;
  TrainingRun run_;
  std::vector<ScoredSet> sets_;
  std::vector<ScoredSet> validation_sets_;
  std::vector<TokenShard> texts_;
  std::vector<Example> examples_;
  // Indices of examples_ in the order of the current cycle.
  std::vector<std::size_t> cycle_;
};

}  // namespace kith::train
