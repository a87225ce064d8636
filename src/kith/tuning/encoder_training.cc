#include "kith/tuning/encoder_training.h"

#include <optional>
#include <system_error>
#include <utility>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/new_directory.h"
#include "kith/storage/digest.h"
#include "kith/timeline/event_encoder.h"
#include "kith/timeline/training_file.h"
#include "kith/tuning/encoder_trial.h"

namespace kith::tuning {
namespace {

namespace fs = std::filesystem;
using base::Json;
using base::OrderedJson;

AdapterId encoder_name() { return AdapterId(storage::kUserEncoder); }

StageOptions stage_options(const EncoderRequest& request) {
  return {.kind = "timeline",
          .trainer = request.trainer,
          .resumes = request.resumes,
          .is_fresh = request.is_fresh,
          .is_quiet = request.is_quiet};
}

Result<FittedSelection> select(const EncoderRequest& request, const StagePorts& ports) {
  TimelineOptions options = request.data;
  if (request.texts != nullptr) {
    options.text_source = {request.texts->hash(), static_cast<int>(request.texts->dimensions())};
  }
  std::optional<FittedSelection> fitted;
  KITH_RETURN_IF_ERROR(ports.with_installation([&](const InstallationView& view) -> Status {
    KITH_ASSIGN_OR_RETURN(fitted,
                          select_timelines(view.stores, view.scope, request.schema, options));
    return {};
  }));
  return *std::move(fitted);
}

// Nothing that depends on the clock or the machine, so that a resumed training says the same.
OrderedJson metrics_of(const Json& report) {
  OrderedJson metrics{{"steps", report.value("steps", std::int64_t{0})},
                      {"events", report.value("tokens", std::int64_t{0})}};
  const auto ranks = report.find("ranks");
  if (ranks != report.end()) metrics["last_event"] = *ranks;
  return metrics;
}

Status copy_encoder(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::remove_all(to, error);
  KITH_ASSIGN_OR_RETURN(auto directory, base::NewDirectory::create(to));
  fs::copy(from, directory.path(), fs::copy_options::recursive, error);
  if (error) {
    return Error{ErrorCode::kUnavailable, "cannot copy the encoder: " + error.message()};
  }
  return directory.commit();
}

class EncoderTraining final : public StagedTraining {
 public:
  EncoderTraining(const EncoderRequest& request, const StagePorts& ports, Job job)
      : StagedTraining(std::move(job), stage_options(request), ports), request_(request) {}

 private:
  Status select_data() override {
    say("selecting the timelines");
    KITH_ASSIGN_OR_RETURN(const FittedSelection fitted, select(request_, ports()));
    std::error_code error;
    fs::remove_all(job().run(), error);
    // Whose they are, before the rows: who is erased finds them.
    KITH_RETURN_IF_ERROR(job().save_contributors(participants(fitted.selection)));
    KITH_ASSIGN_OR_RETURN(
        const TimelineCard card,
        write_timelines(fitted, request_.data, request_.texts.get(), job().data()));
    const std::int64_t events = fitted.selection.num_events(true);
    KITH_RETURN_IF_ERROR(base::write_file_atomically(
        job().recipe(), request_.recipe.complete(job().data(), job().run(), events), 0600));
    JobState state = job().state();
    state.stage = JobStage::kSelected;
    state.data_hash = card.data_hash;
    // Where the installation lies does not change what is trained.
    state.recipe_hash = storage::digest({request_.recipe.complete("data", "run", events)});
    // What the encoder stands on, as an adapter does on a base model.
    state.base_hash = fitted.map.text_source().hash;
    state.id = storage::digest({state.adapter.str(), state.data_hash, state.recipe_hash});
    say(std::to_string(fitted.selection.count(true)) + " users, " + std::to_string(events) +
        " events; card: " + (job().data() / "card.md").string());
    return job().save(state);
  }

  // Validation users too: their events are in the files.
  static std::vector<Participant> participants(const TimelineSelection& selection) {
    std::vector<Participant> users;
    for (const SelectedTimeline& timeline : selection.timelines) {
      users.push_back({{TenantId(storage::kDefaultTenant), timeline.user}, timeline.trains});
    }
    return users;
  }

  Status evaluate() override {
    KITH_ASSIGN_OR_RETURN(const Json report, this->report());
    say("predicting the next events of users who did not train");
    KITH_ASSIGN_OR_RETURN(
        const auto encoder,
        timeline::EventEncoder::load(job().run() / "encoder", {.texts = request_.texts}));
    KITH_ASSIGN_OR_RETURN(const auto users, read_validation(job().data()));
    KITH_ASSIGN_OR_RETURN(const auto counts, timeline::count_ids(job().data(), encoder->map()));
    KITH_ASSIGN_OR_RETURN(const auto trials, try_encoder(*encoder, users, counts));
    OrderedJson metrics = metrics_of(report);
    metrics["encoder_version"] = encoder->version();
    metrics["validation_users"] = users.size();
    metrics["next_event"] = to_json(trials);
    KITH_RETURN_IF_ERROR(copy_encoder(job().run() / "encoder", job().kept()));
    JobState state = job().state();
    state.metrics = metrics.dump();
    state.stage = JobStage::kEvaluated;
    return job().save(state);
  }

  const EncoderRequest& request_;
};

}  // namespace

Result<JobState> train_encoder(const EncoderRequest& request, const StagePorts& ports) {
  KITH_ASSIGN_OR_RETURN(Job job, Job::open(request.data_dir, encoder_name()));
  EncoderTraining training(request, ports, std::move(job));
  return training.run();
}

Result<EncoderForecast> forecast_encoder(const EncoderRequest& request, const StagePorts& ports) {
  KITH_ASSIGN_OR_RETURN(const FittedSelection fitted, select(request, ports));
  EncoderForecast forecast;
  forecast.data_events = fitted.selection.num_events(true);
  forecast.run_events = request.recipe.events_for(forecast.data_events);
  const fs::path scratch = request.data_dir / "personas" / "forecast" / encoder_name().str();
  if (ports.say) ports.say("timing a few steps");
  KITH_ASSIGN_OR_RETURN(
      forecast.timed, time_steps(stage_options(request), scratch, [&]() -> Status {
        KITH_ASSIGN_OR_RETURN(
            forecast.card,
            write_timelines(fitted, request.data, request.texts.get(), scratch / "data"));
        const std::string recipe =
            request.recipe.complete(scratch / "data", scratch / "run", forecast.data_events);
        return base::write_file_atomically(scratch / "recipe.toml", recipe, 0600);
      }));
  if (forecast.run_events > 0 && forecast.timed.tokens_per_second > 0.0) {
    forecast.seconds = predicted_seconds(forecast.run_events, forecast.timed.tokens_per_second);
  }
  return forecast;
}

}  // namespace kith::tuning
