// kith persona train
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "kith/cli/persona_version_commands.h"
#include "kith/persona/version_registry.h"
#include "kith/runtime/installation.h"
#include "kith/runtime/model_settings.h"
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
  std::string recipe;
  tuning::TrainingRequest request;
};

// Opens the installation for each use, so that a server can start while the trainer runs.
class Directory {
 public:
  explicit Directory(const runtime::Config& config) : config_(config) {}

  Status with(const std::function<Status(runtime::Installation&)>& use) const {
    KITH_ASSIGN_OR_RETURN(const auto installation, runtime::Installation::open(config_));
    return use(*installation);
  }

  Status view(const std::function<Status(const tuning::InstallationView&)>& use) const {
    return with([&](runtime::Installation& installation) {
      return use({.stores = installation.stores(),
                  .knowledge = installation.knowledge(),
                  .scope = runtime::default_tenant(),
                  .clock = installation.clock(),
                  .assigner = installation.assigner().get()});
    });
  }

  Status with_registry(const std::function<Status(persona::VersionRegistry&)>& use) const {
    return with([&](runtime::Installation& installation) {
      persona::VersionRegistry registry(installation.stores().adapter_versions(),
                                        installation.path(), installation.clock());
      return use(registry);
    });
  }

 private:
  const runtime::Config& config_;
};

Result<std::optional<tuning::StartingPoint>> find_serving(const Directory& directory,
                                                          const AdapterId& adapter) {
  std::optional<tuning::StartingPoint> start;
  KITH_RETURN_IF_ERROR(directory.with_registry([&](persona::VersionRegistry& registry) -> Status {
    KITH_ASSIGN_OR_RETURN(const auto row, registry.find_serving(adapter));
    if (!row) return {};
    KITH_ASSIGN_OR_RETURN(auto path, registry.verified_path(*row));
    start = tuning::StartingPoint{std::move(path), to_string(row->id)};
    return {};
  }));
  return start;
}

// A crash between registering and noting it must not register the same weights twice.
Result<std::string> register_version(const Directory& directory,
                                     const tuning::FinishedTraining& finished) {
  const tuning::JobState& job = finished.job;
  std::string name;
  KITH_RETURN_IF_ERROR(directory.with_registry([&](persona::VersionRegistry& registry) -> Status {
    KITH_ASSIGN_OR_RETURN(const auto rows, registry.list(job.adapter));
    for (const auto& row : rows) {
      if (row.data_hash == job.data_hash && row.recipe_hash == job.recipe_hash &&
          row.base_hash == job.base_hash && row.status == storage::VersionStatus::kCandidate) {
        name = to_string(row.id);
        return {};
      }
    }
    persona::NewVersion version{.adapter = job.adapter,
                                .source = finished.adapter,
                                .by = "kith persona train",
                                .reason = "trained"};
    if (!job.parent.empty()) version.parents.push_back(job.parent);
    version.base_hash = job.base_hash;
    version.data_hash = job.data_hash;
    version.recipe_hash = job.recipe_hash;
    version.metrics = job.metrics;
    version.contributors = finished.contributors;
    KITH_ASSIGN_OR_RETURN(const auto row, registry.add(version));
    name = to_string(row.id);
    return {};
  }));
  return name;
}

// The adapter that the persona's answers come from. Errors: kNotFound.
Status choose_personas(const Directory& directory, TrainArguments& arguments) {
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
  const Directory directory(config);
  KITH_RETURN_IF_ERROR(choose_personas(directory, arguments));
  auto& request = arguments.request;
  request.data_dir = config.data.dir;
  request.base_model = runtime::model_directory(config);
  request.system_head = config.answer.default_system;
  request.is_quiet = options.json || ::isatty(STDERR_FILENO) == 0;
  KITH_ASSIGN_OR_RETURN(request.trainer, tuning::find_program("kith-train", "KITH_TRAIN"));
  if (!arguments.recipe.empty()) {
    KITH_ASSIGN_OR_RETURN(request.recipe, tuning::RecipeTemplate::load(arguments.recipe));
  }
  tuning::TrainingPorts ports;
  ports.with_installation = [&](const auto& use) { return directory.view(use); };
  ports.find_adapter = [&](const AdapterId& adapter) { return find_serving(directory, adapter); };
  ports.register_version = [&](const tuning::FinishedTraining& finished) {
    return register_version(directory, finished);
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
  sub->add_option("--members", request.members,
                  "users and personas from this file instead of the assignments");
  sub->add_option("--min-users", request.data.min_users, "k-anonymity floor")
      ->check(CLI::Range(1, 1'000'000));
  sub->add_option("--allow", request.data.allowed,
                  "texts that stay although they look like personal data");
  sub->add_option("--user-cap", request.data.cap.max_share,
                  "largest share of a user (default: 0.02)")
      ->check(CLI::Range(1e-6, 1.0));
  sub->add_option("--validation-users", request.data.validation_users,
                  "share of the users who only validate (default: 0.125)")
      ->check(CLI::Range(0.0, 0.5));
  sub->add_option("--keep-data", request.keep_data,
                  "copy the dataset here, for kith persona evaluate --held-out");
  sub->callback([&options, &status, arguments] {
    status = finish(train(options, *arguments), options.json);
  });
}

}  // namespace kith::cli
