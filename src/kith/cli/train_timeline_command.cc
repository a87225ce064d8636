// kith train timeline
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "kith/base/clock.h"
#include "kith/base/json.h"
#include "kith/base/new_directory.h"
#include "kith/cli/command.h"
#include "kith/cli/training_directory.h"
#include "kith/runtime/sentence_features.h"
#include "kith/storage/adapter_version_store.h"
#include "kith/timeline/schema.h"
#include "kith/tuning/child_process.h"
#include "kith/tuning/encoder_training.h"
#include "kith/tuning/event_text_encoder.h"

namespace kith::cli {
namespace {

namespace fs = std::filesystem;
using base::OrderedJson;

constexpr const char* kSchemaFile = "timeline.toml";

struct TimelineArguments {
  // Empty: that of the data directory.
  std::string schema;
  std::string recipe;
  // Empty: the built-in one.
  std::string text_encoder;
  std::string out;
  bool is_dry = false;
  // 0: as many as the recipe says.
  std::int64_t steps = 0;
  // Absent: the recipe's.
  std::optional<std::int64_t> seed;
  // Absent: as configured (docs/formats/configuration.md, `training`).
  std::optional<std::size_t> min_users;
  std::optional<double> user_cap;
  tuning::EncoderRequest request;
};

Result<timeline::TimelineSchema> find_schema(const runtime::Config& config,
                                             const std::string& named) {
  const fs::path file = named.empty() ? fs::path(config.data.dir) / kSchemaFile : fs::path(named);
  std::error_code error;
  if (named.empty() && !fs::exists(file, error)) {
    return Error{ErrorCode::kNotFound, "there is no " + file.string() +
                                           ", which says what of an event the encoder reads; "
                                           "write one, or name one with --schema"};
  }
  return timeline::load_schema(file);
}

Status fill_request(const runtime::Config& config, const GlobalOptions& options,
                    const TimelineArguments& arguments, const base::Clock& clock,
                    tuning::EncoderRequest& request) {
  constexpr double kPercent = 0.01;
  KITH_ASSIGN_OR_RETURN(request.schema, find_schema(config, arguments.schema));
  const auto is_text = [](const auto& feature) {
    return feature.kind == timeline::FeatureKind::kText;
  };
  if (std::any_of(request.schema.features.begin(), request.schema.features.end(), is_text)) {
    KITH_ASSIGN_OR_RETURN(auto encoder, runtime::load_text_encoder(arguments.text_encoder, clock));
    request.texts = std::make_shared<tuning::EventTextEncoder>(std::move(encoder));
  }
  request.data_dir = config.data.dir;
  request.data.min_users =
      arguments.min_users.value_or(static_cast<std::size_t>(config.training.min_users));
  request.data.cap.max_share =
      arguments.user_cap.value_or(kPercent * config.training.user_cap_percent);
  request.is_quiet = options.json || ::isatty(STDERR_FILENO) == 0;
  KITH_ASSIGN_OR_RETURN(request.trainer, tuning::find_program("kith-train", "KITH_TRAIN"));
  if (!arguments.recipe.empty()) {
    KITH_ASSIGN_OR_RETURN(request.recipe, tuning::EncoderRecipe::load(arguments.recipe));
  }
  if (arguments.steps > 0) KITH_RETURN_IF_ERROR(request.recipe.set_steps(arguments.steps));
  if (arguments.seed) request.recipe.set_seed(*arguments.seed);
  return {};
}

Status show_forecast(const GlobalOptions& options, const tuning::EncoderForecast& forecast) {
  constexpr double kMiB = 1024.0 * 1024.0;
  if (options.json) {
    KITH_ASSIGN_OR_RETURN(const OrderedJson card, base::parse_ordered_json(forecast.card.json));
    print_json({{"events", forecast.data_events},
                {"run_events", forecast.run_events},
                {"events_per_second", forecast.timed.tokens_per_second},
                {"seconds", forecast.seconds},
                {"memory_bytes", forecast.timed.peak_bytes},
                {"card", card}});
    return {};
  }
  std::cout << forecast.card.markdown << "\n";
  std::printf("%lld events, %lld in training at %.0f a second: about %.0f s, %.0f MiB of memory\n",
              static_cast<long long>(forecast.data_events),
              static_cast<long long>(forecast.run_events), forecast.timed.tokens_per_second,
              forecast.seconds, static_cast<double>(forecast.timed.peak_bytes) / kMiB);
  return {};
}

// A copy of what was registered, in DIR/encoder as kith-train leaves it.
Status copy_out(const TrainingDirectory& directory, const std::string& version,
                const std::string& out) {
  const fs::path target = fs::path(out) / "encoder";
  std::error_code error;
  fs::create_directories(out, error);
  KITH_ASSIGN_OR_RETURN(auto made, base::NewDirectory::create(target, "features.json"));
  KITH_RETURN_IF_ERROR(directory.with([&](runtime::Installation& installation) -> Status {
    KITH_ASSIGN_OR_RETURN(const auto rows, installation.stores().adapter_versions().list(
                                               AdapterId(storage::kUserEncoder)));
    for (const auto& row : rows) {
      if (to_string(row.id) != version) continue;
      for (const auto& entry : fs::directory_iterator(installation.path() / row.path)) {
        fs::copy_file(entry.path(), made.path() / entry.path().filename(), error);
        if (error) return Error{ErrorCode::kUnavailable, target.string() + ": " + error.message()};
      }
    }
    return {};
  }));
  return made.commit();
}

Status show_done(const GlobalOptions& options, const TimelineArguments& arguments,
                 const tuning::JobState& job) {
  KITH_ASSIGN_OR_RETURN(const OrderedJson metrics, base::parse_ordered_json(job.metrics));
  if (options.json) {
    print_json({{"version", job.version}, {"data_hash", job.data_hash}, {"metrics", metrics}});
    return {};
  }
  const auto figures = metrics.value("next_event", OrderedJson::object());
  for (auto figure = figures.begin(); figure != figures.end(); ++figure) {
    std::printf(
        "next %-12s HR@10 %.3f (most frequent values: %.3f), NDCG@10 %.3f (%.3f), %lld "
        "events of users who did not train\n",
        figure.key().c_str(), figure->value("hr10", 0.0), figure->value("popularity_hr10", 0.0),
        figure->value("ndcg10", 0.0), figure->value("popularity_ndcg10", 0.0),
        static_cast<long long>(figure->value("events", std::int64_t{0})));
  }
  std::cout << "registered " << job.version << "; next: kith embed versions, kith embed promote "
            << job.version.substr(job.version.find('@') + 1) << std::endl;
  if (!arguments.out.empty()) std::cout << "a copy is in " << arguments.out << "/encoder\n";
  return {};
}

Status train_timeline(const GlobalOptions& options, TimelineArguments arguments) {
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  const TrainingDirectory directory(config);
  auto& request = arguments.request;
  const base::SystemClock clock;
  KITH_RETURN_IF_ERROR(fill_request(config, options, arguments, clock, request));
  tuning::StagePorts ports;
  ports.with_installation = [&](const auto& use) { return directory.view(use); };
  ports.register_version = [&](const tuning::FinishedTraining& finished) {
    return directory.register_version(storage::kUserEncoder, finished);
  };
  ports.say = [](const std::string& message) { std::cerr << message << std::endl; };
  if (arguments.is_dry) {
    KITH_ASSIGN_OR_RETURN(const auto forecast, tuning::forecast_encoder(request, ports));
    return show_forecast(options, forecast);
  }
  KITH_ASSIGN_OR_RETURN(const tuning::JobState job, tuning::train_encoder(request, ports));
  if (!arguments.out.empty()) {
    KITH_RETURN_IF_ERROR(copy_out(directory, job.version, arguments.out));
  }
  return show_done(options, arguments, job);
}

}  // namespace

void add_train_timeline(CLI::App& train, GlobalOptions& options, int& status) {
  const auto arguments = std::make_shared<TimelineArguments>();
  auto& request = arguments->request;
  auto* sub = train.add_subcommand("timeline", "a user encoder, from the users' events");
  sub->add_option("--schema", arguments->schema,
                  "what of an event it reads (default: timeline.toml in the data directory)");
  sub->add_option("--recipe", arguments->recipe, "shape, steps, ... (docs/formats/recipe.md)");
  sub->add_option("--text-encoder", arguments->text_encoder,
                  "of texts: a word encoder's directory or a sentence-transformers one (default: "
                  "built in)");
  sub->add_option("--out", arguments->out, "write a copy to DIR/encoder");
  sub->add_flag("--dry-run", arguments->is_dry,
                "select and time only: predicts time and memory, leaves nothing behind");
  sub->add_flag("--resume", request.resumes, "go on with an unfinished training");
  sub->add_flag("--fresh", request.is_fresh, "drop an unfinished training");
  sub->add_option("--steps", arguments->steps, "optimizer steps, whatever the recipe says")
      ->check(CLI::PositiveNumber);
  sub->add_option("--seed", arguments->seed, "in place of the recipe's");
  sub->add_option("--min-users", arguments->min_users, "users that must train, at least")
      ->check(CLI::Range(1, 1'000'000));
  sub->add_option("--min-value-users", request.data.min_value_users,
                  "what fewer users have is unknown to the encoder (default: 10)")
      ->check(CLI::Range(1, 1'000'000));
  sub->add_option("--user-cap", arguments->user_cap,
                  "largest share of a user's events (default: 0.02)")
      ->check(CLI::Range(1e-6, 1.0));
  sub->add_option("--validation-users", request.data.validation_users,
                  "share of the users who only validate (default: 0.125)")
      ->check(CLI::Range(0.0, 0.5));
  sub->callback([&options, &status, arguments] {
    status = finish(train_timeline(options, *arguments), options.json);
  });
}

}  // namespace kith::cli
