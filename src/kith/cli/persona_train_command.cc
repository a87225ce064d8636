// kith persona train
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "kith/cli/persona_version_commands.h"
#include "kith/cli/progress_bar.h"
#include "kith/cli/training_directory.h"
#include "kith/cli/version_bench.h"
#include "kith/eval/update_share.h"
#include "kith/runtime/installation.h"
#include "kith/runtime/model_settings.h"
#include "kith/runtime/resources.h"
#include "kith/tuning/child_process.h"
#include "kith/tuning/pipeline.h"

namespace kith::cli {
namespace {

namespace fs = std::filesystem;
using base::OrderedJson;

struct TrainArguments {
  std::string persona;
  bool is_together = false;
  bool is_dry = false;
  bool chooses_share = true;
  std::string recipe;
  // 0: as many as the recipe says.
  std::int64_t steps = 0;
  // Absent: the recipe's.
  std::optional<std::int64_t> seed;
  // Absent: as configured (docs/formats/configuration.md, `training`).
  std::optional<std::size_t> min_users;
  std::optional<double> user_cap;
  std::vector<std::string> allowed;
  tuning::TrainingRequest request;
};

void apply_settings(const runtime::Config& config, const TrainArguments& arguments,
                    tuning::TrainingRequest& request) {
  constexpr double kPercent = 0.01;
  const auto& training = config.training;
  persona::DataOptions& data = request.data;
  data.min_users = arguments.min_users.value_or(static_cast<std::size_t>(training.min_users));
  data.cap.max_share = arguments.user_cap.value_or(kPercent * training.user_cap_percent);
  data.allowed = training.allow;
  data.allowed.insert(data.allowed.end(), arguments.allowed.begin(), arguments.allowed.end());
  if (!request.canaries && training.canaries >= 0) {
    request.canaries = static_cast<std::size_t>(training.canaries);
  }
}

// How much of the update may stay (eval/update_share.h), against what answers the persona's users
// now.
Result<double> choose_share(const runtime::Config& config, const TrainingDirectory& directory,
                            const AdapterId& adapter, const fs::path& trained,
                            const fs::path& choice) {
  eval::GateData data;
  KITH_RETURN_IF_ERROR(eval::read_gate_data(runtime::gate_directory() / "choice", data));
  KITH_RETURN_IF_ERROR(eval::read_gate_data(choice, data));
  KITH_ASSIGN_OR_RETURN(VersionBench bench, VersionBench::open(config));
  eval::GateAdapters adapters{.candidate = AdapterId("trained"), .current = bench.own(adapter)};
  KITH_RETURN_IF_ERROR(bench.load(adapters.candidate, trained));
  KITH_ASSIGN_OR_RETURN(const auto serving, directory.find_serving(adapter));
  if (serving) {
    adapters.current = AdapterId("serving");
    KITH_RETURN_IF_ERROR(bench.load(adapters.current, serving->path));
  }
  KITH_ASSIGN_OR_RETURN(
      const auto chosen,
      eval::choose_update_share(data, adapters, bench.generator(), {}, progress_bar()));
  return chosen.share;
}

// The adapter that the persona's answers come from. Errors: kNotFound.
Status choose_personas(const TrainingDirectory& directory, TrainArguments& arguments) {
  auto& request = arguments.request;
  if (arguments.is_together) {
    request.adapter = AdapterId(storage::kSharedAdapter);
    return {};
  }
  return directory.with([&](runtime::Installation& installation) -> Status {
    const auto assigner = installation.assigner();
    const PersonaId id(arguments.persona);
    const auto* found = assigner ? assigner->catalogue().find_persona(id) : nullptr;
    if (found == nullptr) {
      return Error{ErrorCode::kNotFound, "there is no persona " + arguments.persona +
                                             " (kith persona list names those there are)"};
    }
    request.adapter = found->adapter;
    request.data.personas = {id};
    return {};
  });
}

Status show_forecast(const GlobalOptions& options, const tuning::TrainingForecast& forecast) {
  constexpr double kMiB = 1024.0 * 1024.0;
  if (options.json) {
    KITH_ASSIGN_OR_RETURN(const OrderedJson card, base::parse_ordered_json(forecast.card.json));
    print_json({{"tokens", forecast.data_tokens},
                {"steps", forecast.steps},
                {"tokens_per_second", forecast.tokens_per_second},
                {"seconds", forecast.seconds},
                {"memory_bytes", forecast.peak_bytes},
                {"card", card}});
    return {};
  }
  std::cout << forecast.card.markdown << "\n";
  std::printf("%lld tokens, %lld steps at %.0f tokens a second: about %.0f s, %.0f MiB of memory\n",
              static_cast<long long>(forecast.data_tokens), static_cast<long long>(forecast.steps),
              forecast.tokens_per_second, forecast.seconds,
              static_cast<double>(forecast.peak_bytes) / kMiB);
  return {};
}

Status train(const GlobalOptions& options, TrainArguments arguments) {
  if (arguments.is_together != arguments.persona.empty()) {
    return Error{ErrorCode::kInvalidArgument, "name a persona, or say --all-together"};
  }
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  const TrainingDirectory directory(config);
  KITH_RETURN_IF_ERROR(choose_personas(directory, arguments));
  auto& request = arguments.request;
  apply_settings(config, arguments, request);
  request.data_dir = config.data.dir;
  request.base_model = runtime::model_directory(config);
  request.system_head = config.answer.default_system;
  request.is_quiet = options.json || ::isatty(STDERR_FILENO) == 0;
  KITH_ASSIGN_OR_RETURN(request.trainer, tuning::find_program("kith-train", "KITH_TRAIN"));
  if (!arguments.recipe.empty()) {
    KITH_ASSIGN_OR_RETURN(request.recipe, tuning::RecipeTemplate::load(arguments.recipe));
  }
  if (arguments.steps > 0) KITH_RETURN_IF_ERROR(request.recipe.set_steps(arguments.steps));
  if (arguments.seed) request.recipe.set_seed(*arguments.seed);
  tuning::TrainingPorts ports;
  ports.with_installation = [&](const auto& use) { return directory.view(use); };
  ports.find_adapter = [&](const AdapterId& adapter) { return directory.find_serving(adapter); };
  if (arguments.chooses_share) {
    ports.choose_share = [&](const fs::path& trained, const fs::path& choice) {
      return choose_share(config, directory, request.adapter, trained, choice);
    };
  }
  ports.register_version = [&](const tuning::FinishedTraining& finished) {
    return directory.register_version(
        arguments.is_together ? request.adapter.str() : arguments.persona, finished);
  };
  ports.say = [](const std::string& message) { std::cerr << message << std::endl; };
  if (arguments.is_dry) {
    KITH_ASSIGN_OR_RETURN(const auto forecast, tuning::forecast_training(request, ports));
    return show_forecast(options, forecast);
  }
  KITH_ASSIGN_OR_RETURN(const tuning::JobState job, tuning::train_adapter(request, ports));
  if (options.json) {
    KITH_ASSIGN_OR_RETURN(const OrderedJson metrics, base::parse_ordered_json(job.metrics));
    print_json({{"version", job.version}, {"data_hash", job.data_hash}, {"metrics", metrics}});
  } else {
    std::cout << "registered " << job.version << ", a candidate; next: kith persona evaluate "
              << (arguments.is_together ? request.adapter.str() : arguments.persona) << std::endl;
  }
  return {};
}

}  // namespace

void add_persona_train_command(CLI::App& command, GlobalOptions& options, int& status) {
  const auto arguments = std::make_shared<TrainArguments>();
  auto& request = arguments->request;
  auto* sub = command.add_subcommand("train", "train an adapter on what a persona's users said");
  sub->add_option("persona", arguments->persona);
  sub->add_flag("--all-together", arguments->is_together,
                "the use-case adapter, from all personas' conversations");
  sub->add_flag("--dry-run", arguments->is_dry,
                "select and time only: predicts time and memory, leaves nothing behind");
  sub->add_flag("--resume", request.resumes, "go on with an unfinished training");
  sub->add_flag("--fresh", request.is_fresh, "drop an unfinished training");
  sub->add_option("--recipe", arguments->recipe, "rank, steps, ... (docs/formats/recipe.md)");
  sub->add_option("--steps", arguments->steps, "optimizer steps, whatever the recipe says")
      ->check(CLI::PositiveNumber);
  sub->add_option("--seed", arguments->seed, "in place of the recipe's");
  sub->add_option("--members", request.members,
                  "users and personas from this file instead of the assignments");
  sub->add_option("--min-users", arguments->min_users, "k-anonymity floor")
      ->check(CLI::Range(1, 1'000'000));
  sub->add_option("--allow", arguments->allowed,
                  "texts that stay although they look like personal data");
  sub->add_option("--user-cap", arguments->user_cap, "largest share of a user (default: 0.02)")
      ->check(CLI::Range(1e-6, 1.0));
  sub->add_option("--validation-users", request.data.validation_users,
                  "share of the users who only validate (default: 0.125)")
      ->check(CLI::Range(0.0, 0.5));
  sub->add_option("--canaries", request.canaries,
                  "planted secrets for the gate's leak checks (default: by the number of rows)")
      ->check(CLI::Range(0, 1000));
  sub->add_flag("!--whole-update", arguments->chooses_share,
                "register all of the update, however much worse others are told by it");
  sub->add_option("--keep-data", request.keep_data,
                  "copy the dataset here, for kith persona evaluate --held-out");
  sub->callback([&options, &status, arguments] {
    status = finish(train(options, *arguments), options.json);
  });
}

}  // namespace kith::cli
