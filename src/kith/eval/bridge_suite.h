// What is a bridge from the user encoder into the language model worth? The next need of an
// employee, as text, after so many events: bridges beside a text prompt of the whole history, a
// one-line summary and nothing at all, all on the same model with the same examples and steps.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/result.h"
#include "kith/eval/figures.h"
#include "kith/eval/suites.h"

namespace kith::eval {

// Runs `kith-train train KIND RECIPE --json` and returns what it printed. The suite runs in another
// program than the trainer: whoever starts it knows how to reach that.
using TrainerRunner = std::function<Result<nlohmann::json>(const std::string& kind,
                                                           const std::filesystem::path& recipe)>;

struct BridgeSuiteOptions {
  // Event files like the example's events.csv, not empty; more of them are more users.
  std::vector<std::filesystem::path> events;
  // The language model: a Hugging Face directory.
  std::filesystem::path model;
  // Holds data, recipes and runs.
  std::filesystem::path work;
  std::vector<int> histories{50, 100, 200};
  // Of every run: steps of so many examples.
  int steps = 150;
  int batch = 16;
  // Of the encoder's: events that training reads.
  std::int64_t encoder_events = 1'500'000;
  int latents = 16;
  // Moments of each user that train, and that are asked.
  int train_cuts = 12;
  int test_cuts = 6;
  // Names of arms (see evaluate_bridges); empty: all.
  std::vector<std::string> arms;
  // Also measure what each bridge costs before the first token.
  bool measure_cost = true;
  std::uint64_t seed = 1;
};

// Trains the encoder on the train users' timelines, then each arm on their examples, and asks for
// the test users' answers. An answer is right if greedy decoding gives it word for word.
// Arms: history, summary and nothing (the model's adapter tuned, with this text in the prompt);
// soft_prompt and cross_attention, _enc and _lora behind them (docs/formats/recipe.md), _raw (an
// encoder that was not trained).
//   right_H_ARM (share of right answers, mean over users, after H events; baselines: favourite, the
//   need that the history holds most often); over_history_H_ARM (that less the arm history's);
//   intervals by user; history_tokens_H (what the history takes as text, a mean) and fewer_tokens_H
//   (that over the latents); first_token_ms_H_ARM, encoder_ms_H_ARM (the part of it before the
//   language model) and products_H_ARM (first_token_cost())
// Errors: those of files and of the trainer; kInvalidArgument for an unknown arm, and if a history
//   leaves no train or test examples.
Result<Report> evaluate_bridges(const BridgeSuiteOptions& options, const base::Clock& clock,
                                const TrainerRunner& trainer, const Progress& progress = {});

}  // namespace kith::eval
