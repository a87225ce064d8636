// kith eval bridges
#include <filesystem>
#include <memory>

#include "kith/base/json.h"
#include "kith/cli/command.h"
#include "kith/cli/print_report.h"
#include "kith/cli/progress_bar.h"
#include "kith/eval/bridge_suite.h"
#include "kith/runtime/resources.h"
#include "kith/tuning/child_process.h"

namespace kith::cli {
namespace {

namespace fs = std::filesystem;

struct BridgeArguments {
  std::vector<std::string> events;
  std::string model;
  std::string work;
  bool quick = false;
  eval::BridgeSuiteOptions suite;
};

Result<base::Json> run_trainer(const fs::path& trainer, const std::string& kind,
                               const fs::path& recipe) {
  KITH_ASSIGN_OR_RETURN(const auto child,
                        tuning::run_child({.command = {trainer.string(), "train", kind,
                                                       recipe.string(), "--json", "--quiet"}}));
  if (child.exit_status != 0) {
    return Error{ErrorCode::kInternal, "kith-train failed on " + recipe.string()};
  }
  return base::parse_json(child.output);
}

// Enough to see that everything works.
void make_quick(eval::BridgeSuiteOptions& suite) {
  suite.histories = {50};
  suite.steps = 4;
  suite.batch = 4;
  suite.encoder_events = 20'000;
  suite.train_cuts = 2;
  suite.test_cuts = 1;
  if (suite.arms.empty()) suite.arms = {"nothing", "soft_prompt", "cross_attention"};
}

Status evaluate(const GlobalOptions& options, BridgeArguments arguments) {
  KITH_ASSIGN_OR_RETURN(const fs::path trainer, tuning::find_program("kith-train", "KITH_TRAIN"));
  eval::BridgeSuiteOptions& suite = arguments.suite;
  suite.events.assign(arguments.events.begin(), arguments.events.end());
  if (suite.events.empty()) suite.events = {runtime::service_desk_directory() / "events.csv"};
  suite.model =
      arguments.model.empty() ? runtime::builtin_model_directory() : fs::path(arguments.model);
  suite.work = arguments.work;
  std::error_code error;
  fs::create_directories(suite.work, error);
  if (error) return Error{ErrorCode::kUnavailable, "cannot create " + suite.work.string()};
  if (arguments.quick) make_quick(suite);
  const base::SystemClock clock;
  const auto run = [&](const std::string& kind, const fs::path& recipe) {
    return run_trainer(trainer, kind, recipe);
  };
  KITH_ASSIGN_OR_RETURN(const eval::Report report,
                        eval::evaluate_bridges(suite, clock, run, progress_bar()));
  print_report(report, options);
  return {};
}

}  // namespace

void add_bridge_suite(CLI::App& eval, GlobalOptions& options, int& status) {
  const auto arguments = std::make_shared<BridgeArguments>();
  auto* sub = eval.add_subcommand(
      "bridges", "what the user encoder tells the language model, beside the history as text");
  sub->add_option("--work", arguments->work, "directory for data, recipes and runs")->required();
  sub->add_option("--events", arguments->events,
                  "event files like the example's events.csv (default: that one)");
  sub->add_option("--model", arguments->model, "language model: a directory (default: built in)");
  sub->add_option("--history", arguments->suite.histories, "events that are known (50 100 200)")
      ->check(CLI::Range(2, 4000));
  sub->add_option("--arms", arguments->suite.arms, "some of the arms (default: all)");
  sub->add_option("--steps", arguments->suite.steps, "of each run (150)")
      ->check(CLI::Range(1, 1'000'000));
  sub->add_option("--batch", arguments->suite.batch, "examples of a step (16)")
      ->check(CLI::Range(1, 4096));
  sub->add_option("--encoder-events", arguments->suite.encoder_events,
                  "events that the encoder's training reads (1500000)")
      ->check(CLI::PositiveNumber);
  sub->add_option("--latents", arguments->suite.latents, "rows of a memory (16)")
      ->check(CLI::Range(1, 512));
  sub->add_option("--seed", arguments->suite.seed, "of every run (1)");
  sub->add_flag("--quick", arguments->quick, "a few steps, to see that it works");
  sub->callback([&options, &status, arguments] {
    status = finish(evaluate(options, *arguments), options.json);
  });
}

}  // namespace kith::cli
