// kith bench SCENARIO, by the list in bench_scenarios.h.
#include <algorithm>
#include <memory>

#include "kith/cli/bench_scenarios.h"
#include "kith/cli/command.h"
#include "kith/engine/bench_machine.h"
#include "kith/engine/random_checkpoint.h"
#include "kith/runtime/model_settings.h"

namespace kith::cli {
namespace {

using base::OrderedJson;

OrderedJson machine_json() {
  const auto machine = engine::describe_machine();
  return {{"cpu", machine.cpu}, {"cores", machine.cores}, {"isa", machine.isa}};
}

std::vector<std::string> shape_names() {
  std::vector<std::string> names;
  for (const engine::RandomShape& shape : engine::random_shapes()) names.emplace_back(shape.name);
  return names;
}

// A shape's checkpoint in the place of the configured model; int8 unless a type is configured.
Status use_shape(const runtime::ConfigLoader& loader, BenchSetting& setting) {
  runtime::Config& config = setting.config;
  for (const runtime::SettingView& view : loader.settings()) {
    if (view.key == "model.dir" && view.source == "command line") {
      return Error{ErrorCode::kInvalidArgument, "--shape and --model name two models"};
    }
    if (view.key == "model.dtype" && view.source == "default") config.model.dtype = "int8";
  }
  const engine::RandomShape* shape = engine::find_random_shape(setting.arguments.shape);
  KITH_ASSIGN_OR_RETURN(const auto dir,
                        engine::cached_checkpoint(*shape, runtime::decoder_options(config).weights,
                                                  setting.arguments.cache));
  config.model.dir = dir.string();
  return {};
}

Status bench(const GlobalOptions& options, const BenchArguments& arguments,
             const BenchScenario& scenario) {
  KITH_ASSIGN_OR_RETURN(const runtime::ConfigLoader loader, load_settings(options));
  KITH_ASSIGN_OR_RETURN(runtime::Config config, loader.finish());
  BenchSetting setting{std::move(config), arguments};
  if (setting.arguments.cache.empty()) setting.arguments.cache = engine::default_bench_cache();
  if (!arguments.shape.empty()) KITH_RETURN_IF_ERROR(use_shape(loader, setting));
  KITH_ASSIGN_OR_RETURN(const OrderedJson results, scenario.run(setting));
  if (options.json) {
    OrderedJson report{{"scenario", scenario.name}, {"machine", machine_json()}};
    if (!arguments.shape.empty()) report["shape"] = arguments.shape;
    report["dtype"] = setting.config.model.dtype;
    report["threads"] = runtime::decoder_options(setting.config).threads;
    report["results"] = results;
    print_json(report);
  } else {
    print_rows(results);
  }
  return {};
}

void add_options(CLI::App& sub, BenchArguments& arguments) {
  const CLI::Range count(1, 1'000'000);
  sub.add_option("--shape", arguments.shape,
                 "measure a random checkpoint of this public shape (int8 by default)")
      ->check(CLI::IsMember(shape_names()));
  sub.add_option("--cache", arguments.cache,
                 "where such checkpoints are kept (default: $XDG_CACHE_HOME/kith/bench)");
  sub.add_option("--batch", arguments.batches, "sequences decoded together")
      ->check(CLI::Range(1, 256))
      ->delimiter(',');
  sub.add_option("--length", arguments.lengths, "prompt lengths")
      ->check(CLI::Range(1, 65'536))
      ->delimiter(',');
  sub.add_option("--context", arguments.context, "tokens in the cache before decoding")
      ->check(CLI::Range(1, 65'536));
  sub.add_option("--users", arguments.users,
                 "users decoded together, stored (overhead) or simulated (discovery)")
      ->check(count);
  sub.add_option("--adapters", arguments.adapters, "distinct adapters among the users")
      ->check(CLI::Range(0, 1024))
      ->delimiter(',');
  sub.add_option("--registered", arguments.registered, "adapters in memory, used or not")
      ->check(CLI::Range(0, 4096));
  sub.add_option("--steps", arguments.steps, "decoding steps of one measurement")->check(count);
  sub.add_option("--rounds", arguments.rounds, "measurements, of which the best counts")
      ->check(count);
  sub.add_option("--requests", arguments.requests, "chat requests (overhead)")->check(count);
}

}  // namespace

void add_bench_commands(CLI::App& app, GlobalOptions& options, int& status) {
  auto* command = app.add_subcommand("bench", "measure speed beside the machine's own limit");
  command->require_subcommand(1);
  const auto arguments = std::make_shared<BenchArguments>();
  for (const BenchScenario& scenario : bench_scenarios()) {
    auto* sub = command->add_subcommand(scenario.name, scenario.description);
    add_options(*sub, *arguments);
    sub->callback([&options, &status, arguments, &scenario] {
      status = finish(bench(options, *arguments, scenario), options.json);
    });
  }
}

}  // namespace kith::cli
