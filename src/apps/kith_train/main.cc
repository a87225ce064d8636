// kith-train: everything that needs gradients. `kith train ...` runs this program.
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

#include "kith/base/json.h"
#include "kith/train/bridge_data.h"
#include "kith/train/model_files.h"
#include "kith/train/preference_data.h"
#include "kith/train/prepare.h"
#include "kith/train/recipe.h"
#include "kith/train/trainer.h"

namespace {

using kith::base::OrderedJson;
namespace train = kith::train;

std::atomic<bool> stop_requested{false};

// Every step frees and takes the same large buffers. By default glibc gives them back to the
// kernel, which clears each page again: a tenth of the time of a step.
void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 64 << 20);
#endif
}

void request_stop(int) { stop_requested = true; }

struct Arguments {
  std::string recipe;
  std::string out;
  std::string checkpoint;
  std::string directory;
  std::string dtype = "bf16";
  std::string kind = "base";
  double minutes = 0.0;
  double seconds = 10.0;
  std::int64_t steps = 0;
  bool json = false;
  train::TrainOptions options;
};

int fail(const kith::Error& error) {
  std::cerr << "kith-train: " << error.message << '\n';
  return error.code == kith::ErrorCode::kInvalidArgument ? 2 : 1;
}

kith::Result<train::Recipe> read_recipe(const Arguments& arguments, train::RecipeKind kind) {
  KITH_ASSIGN_OR_RETURN(train::Recipe recipe, train::load_recipe(arguments.recipe, kind));
  if (!arguments.out.empty()) recipe.output = arguments.out;
  if (arguments.minutes > 0.0) recipe.run.budget = {0, 0, arguments.minutes};
  if (arguments.steps > 0) recipe.run.budget = {arguments.steps, 0, 0.0};
  return recipe;
}

OrderedJson to_json(const train::TrainReport& report) {
  OrderedJson json{{"steps", report.steps},
                   {"tokens", report.tokens},
                   {"seconds", report.seconds},
                   {"loss", report.loss},
                   {"tokens_per_second", report.tokens_per_second},
                   {"finished", report.finished},
                   {"validation", OrderedJson::object()}};
  for (const auto& figure : report.validation) {
    json["validation"][figure.name] = {
        {"perplexity", figure.perplexity}, {"loss", figure.loss}, {"tokens", figure.tokens}};
  }
  for (const auto& figure : report.preferences) {
    auto& to = json["preferences"][figure.name];
    to = {{"examples", figure.examples}, {"accuracy", figure.accuracy}, {"margin", figure.margin}};
    if (figure.likelier) to["likelier"] = *figure.likelier;
  }
  for (const auto& figure : report.ranks) {
    json["ranks"][figure.name] = {
        {"users", figure.users}, {"hr10", figure.hit_rate_10}, {"ndcg10", figure.ndcg_10}};
  }
  for (const auto& figure : report.answers) {
    json["answers"][figure.name] = {
        {"examples", figure.examples}, {"accuracy", figure.accuracy}, {"loss", figure.loss}};
  }
  if (!report.result.empty()) json["result"] = report.result.string();
  return json;
}

int run_training(const Arguments& arguments, train::RecipeKind kind) {
  const auto recipe = read_recipe(arguments, kind);
  if (!recipe) return fail(recipe.error());
  std::signal(SIGINT, request_stop);
  std::signal(SIGTERM, request_stop);
  train::TrainOptions options = arguments.options;
  options.stop = &stop_requested;
  const auto train_it = kind == train::RecipeKind::kBase       ? train::train_base
                        : kind == train::RecipeKind::kAdapter  ? train::train_adapter
                        : kind == train::RecipeKind::kTimeline ? train::train_timeline
                        : kind == train::RecipeKind::kBridge   ? train::train_bridge
                                                               : train::train_preference;
  const auto report = train_it(*recipe, options);
  if (!report) return fail(report.error());
  if (arguments.json) {
    std::cout << to_json(*report).dump() << '\n';
  } else if (report->finished) {
    std::cout << "finished after " << report->steps << " steps; wrote " << report->result.string()
              << '\n';
  } else {
    std::cout << "stopped after step " << report->steps << "; continue with --resume\n";
  }
  return 0;
}

#ifndef KITH_ONLY_TRAIN
kith::Status prepare_for(train::RecipeKind kind, const train::Recipe& recipe,
                         const train::PrepareProgress& say) {
  if (kind == train::RecipeKind::kPreference) {
    KITH_RETURN_IF_ERROR(train::prepare_preferences(recipe, say));
  } else if (kind == train::RecipeKind::kBridge) {
    KITH_RETURN_IF_ERROR(train::prepare_bridge(recipe, say));
  } else {
    KITH_RETURN_IF_ERROR(train::prepare(recipe, say));
  }
  return {};
}
#endif

int run_prepare(const Arguments& arguments) {
  const train::RecipeKind kind = arguments.kind == "adapter"      ? train::RecipeKind::kAdapter
                                 : arguments.kind == "preference" ? train::RecipeKind::kPreference
                                 : arguments.kind == "bridge"     ? train::RecipeKind::kBridge
                                                                  : train::RecipeKind::kBase;
  const auto recipe = read_recipe(arguments, kind);
  if (!recipe) return fail(recipe.error());
#ifdef KITH_ONLY_TRAIN
  return fail({kith::ErrorCode::kUnavailable, "this build has no text library; prepare elsewhere"});
#else
  const auto say = [](const std::string& message) { std::cerr << message << '\n'; };
  const kith::Status done = prepare_for(kind, *recipe, say);
  if (!done) return fail(done.error());
  std::cout << "prepared " << recipe->output.string() << '\n';
  return 0;
#endif
}

int run_export(const Arguments& arguments) {
  const auto dtype = arguments.dtype == "f32" ? torch::kFloat : torch::kBFloat16;
  const auto status = train::export_checkpoint(arguments.checkpoint, dtype, arguments.directory);
  if (!status) return fail(status.error());
  std::cout << "wrote " << arguments.directory << '\n';
  return 0;
}

int run_bench(const Arguments& arguments) {
  const auto recipe = read_recipe(arguments, train::RecipeKind::kBase);
  if (!recipe) return fail(recipe.error());
  const auto figures = train::bench_training(*recipe, arguments.seconds);
  if (!figures) return fail(figures.error());
  OrderedJson json{{"scenario", "train"}, {"results", OrderedJson::array()}};
  for (const auto& figure : *figures) {
    json["results"].push_back({{"operations", figure.operations},
                               {"threads", figure.threads},
                               {"sequence", figure.sequence},
                               {"tokens_per_second", figure.tokens_per_second},
                               {"tokens_per_cpu_second", figure.tokens_per_cpu_second}});
    if (!arguments.json) {
      std::printf("%-6s  %lld threads  sequence %lld  %.0f tokens/s  %.0f tokens/s of CPU time\n",
                  figure.operations.c_str(), static_cast<long long>(figure.threads),
                  static_cast<long long>(figure.sequence), figure.tokens_per_second,
                  figure.tokens_per_cpu_second);
    }
  }
  if (arguments.json) std::cout << json.dump() << '\n';
  return 0;
}

void add_training_options(CLI::App& command, Arguments& arguments) {
  command.add_option("recipe", arguments.recipe, "recipe (TOML)")->required();
  command.add_option("--out", arguments.out, "output directory instead of the recipe's");
  command.add_flag("--resume", arguments.options.resume, "continue from the checkpoint, if any");
  command.add_option("--max-minutes", arguments.options.max_minutes,
                     "stop with a checkpoint after so many minutes of this call");
  command.add_option("--max-steps", arguments.options.max_steps,
                     "stop with a checkpoint after this sitting of so many steps");
  command.add_option("--minutes", arguments.minutes, "budget in minutes instead of the recipe's");
  command.add_option("--steps", arguments.steps, "budget in steps instead of the recipe's");
  command.add_flag("--prepared", arguments.options.prepared_only,
                   "use the prepared data in the output directory as it is");
  command.add_flag("--quiet", arguments.options.quiet, "no progress");
  command.add_flag("--json", arguments.json, "print the result as JSON");
}

void add_train(CLI::App& app, Arguments& arguments, int& code) {
  auto* training = app.add_subcommand("train", "train a model");
  training->require_subcommand(1);
  auto* base = training->add_subcommand("base", "a language model from scratch, or further");
  add_training_options(*base, arguments);
  base->callback([&] { code = run_training(arguments, train::RecipeKind::kBase); });
  auto* adapter = training->add_subcommand("adapter", "a LoRA adapter");
  add_training_options(*adapter, arguments);
  adapter->callback([&] { code = run_training(arguments, train::RecipeKind::kAdapter); });
  auto* preference =
      training->add_subcommand("preference", "an adapter on preferences, by DPO or KTO");
  add_training_options(*preference, arguments);
  preference->callback([&] { code = run_training(arguments, train::RecipeKind::kPreference); });
  auto* timeline = training->add_subcommand("timeline", "a user encoder on timelines");
  add_training_options(*timeline, arguments);
  timeline->callback([&] { code = run_training(arguments, train::RecipeKind::kTimeline); });
  auto* bridge = training->add_subcommand("bridge", "from the user encoder to the language model");
  add_training_options(*bridge, arguments);
  bridge->callback([&] { code = run_training(arguments, train::RecipeKind::kBridge); });
}

void add_tools(CLI::App& app, Arguments& arguments, int& code) {
  auto* prepare = app.add_subcommand("prepare", "train the tokenizer and encode the data only");
  prepare->add_option("recipe", arguments.recipe, "recipe (TOML)")->required();
  prepare->add_option("--out", arguments.out, "output directory instead of the recipe's");
  prepare->add_option("--for", arguments.kind, "what the recipe trains (default: base)")
      ->check(CLI::IsMember({"base", "adapter", "bridge", "preference"}));
  prepare->callback([&] { code = run_prepare(arguments); });
  auto* exporting = app.add_subcommand("export", "a checkpoint as a Hugging Face directory");
  exporting->add_option("checkpoint", arguments.checkpoint, "checkpoint.safetensors")->required();
  exporting->add_option("directory", arguments.directory, "where to write")->required();
  exporting->add_option("--dtype", arguments.dtype, "bf16 or f32")
      ->check(CLI::IsMember({"bf16", "f32"}));
  exporting->callback([&] { code = run_export(arguments); });
  auto* bench = app.add_subcommand("bench", "training speed, plain and custom operations");
  bench->add_option("recipe", arguments.recipe, "recipe (TOML)")->required();
  bench->add_option("--seconds", arguments.seconds, "time for each figure");
  bench->add_flag("--json", arguments.json, "print JSON");
  bench->callback([&] { code = run_bench(arguments); });
}

// libgomp's threads wait for one another by spinning, which costs the time of whatever else runs on
// the machine. It reads the limit when it is loaded, so the program starts itself once more with it
// set.
void limit_spinning(char** argv) {
  if (std::getenv("GOMP_SPINCOUNT") != nullptr || std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  setenv("GOMP_SPINCOUNT", "2000", 1);
  execv("/proc/self/exe", argv);
}

}  // namespace

int main(int argc, char** argv) {
  limit_spinning(argv);
  keep_freed_memory();
  CLI::App app{"kith-train: trains base models and adapters"};
  app.require_subcommand(1);
  Arguments arguments;
  int code = 0;
  add_train(app, arguments, code);
  add_tools(app, arguments, code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);
    return status == 0 ? 0 : 2;
  }
  return code;
}
