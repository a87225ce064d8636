#include "kith/tuning/pipeline.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/storage/digest.h"
#include "kith/text/tokenizer.h"
#include "kith/tuning/base_model.h"
#include "kith/tuning/canaries.h"
#include "kith/tuning/neighbours.h"
#include "kith/tuning/prompt_source.h"
#include "kith/tuning/scaled_adapter.h"

namespace kith::tuning {
namespace {

namespace fs = std::filesystem;
using base::Json;
using base::OrderedJson;

// What the first stages find out.
struct Selected {
  persona::TrainingData data;
  persona::DatasetCard card;
  std::optional<StartingPoint> start;
  // Of other personas, see neighbours.h.
  std::vector<persona::TrainingRow> neighbours;
  std::vector<Canary> canaries;
  std::int64_t data_tokens = 0;
  bool has_valid_latest = false;
};

std::size_t counted_tokens(const persona::TrainingData& data) {
  std::size_t tokens = 0;
  for (const auto& row : data.rows) {
    if (row.part == persona::DataPart::kTrain) tokens += row.counted_tokens;
  }
  return tokens;
}

// The use-case adapter for a persona with little data, and why or why not.
Status choose_start(const TrainingRequest& request, const TrainingPorts& ports,
                    const persona::TrainingData& data, Selected& selected,
                    persona::CardFacts& facts) {
  const bool is_shared = request.data.personas.size() != 1;
  const std::size_t tokens = counted_tokens(data);
  if (is_shared || tokens >= request.little_data_tokens || !ports.find_adapter) return {};
  const std::string little = "only " + std::to_string(tokens) + " tokens are learned (below " +
                             std::to_string(request.little_data_tokens) + ")";
  KITH_ASSIGN_OR_RETURN(selected.start, ports.find_adapter(AdapterId("use_case")));
  if (selected.start) {
    facts.init_adapter = selected.start->version;
    facts.init_reason = little;
  } else {
    facts.init_reason = little + ", but there is no use-case adapter to start from";
  }
  return {};
}

Result<std::vector<persona::Member>> find_members(const TrainingRequest& request,
                                                  const InstallationView& view) {
  if (!request.members.empty()) return persona::load_members(request.members);
  if (view.assigner == nullptr) {
    return Error{ErrorCode::kNotFound, "the installation has no personas"};
  }
  return persona::assigned_members(view.stores, view.scope, *view.assigner);
}

Result<Selected> select(const TrainingRequest& request, const TrainingPorts& ports) {
  KITH_ASSIGN_OR_RETURN(const auto tokenizer, text::Tokenizer::load(request.base_model));
  persona::DataOptions options = request.data;
  options.max_tokens = static_cast<std::size_t>(request.recipe.sequence());
  Selected selected;
  KITH_RETURN_IF_ERROR(ports.with_installation([&](const InstallationView& view) -> Status {
    KITH_ASSIGN_OR_RETURN(const auto members, find_members(request, view));
    const PromptSource prompts(view.knowledge, view.scope,
                               {.head = request.system_head, .max_passages = request.max_passages});
    const persona::DataPorts data_ports{
        .count_tokens = [&](std::string_view text) { return tokenizer.encode(text).size(); },
        .system_message =
            [&](const std::string& question, std::uint64_t variant) {
              return prompts.system_message(question, variant);
            }};
    KITH_ASSIGN_OR_RETURN(
        selected.data,
        persona::select_training_data(view.stores, view.scope, members, options, data_ports));
    KITH_ASSIGN_OR_RETURN(selected.neighbours,
                          select_neighbours(view.stores, view.scope, members, options, data_ports));
    return {};
  }));
  persona::CardFacts facts{.adapter = request.adapter.str(),
                           .base_model = request.base_model.filename().string()};
  KITH_RETURN_IF_ERROR(choose_start(request, ports, selected.data, selected, facts));
  selected.card = persona::describe(selected.data, options, facts);
  const auto is_trained = [](const auto& row) { return row.part == persona::DataPart::kTrain; };
  const auto num_rows = static_cast<std::size_t>(
      std::count_if(selected.data.rows.begin(), selected.data.rows.end(), is_trained));
  selected.canaries = draw_canaries(request.canaries.value_or(num_canaries(num_rows)),
                                    request.adapter.str() + " " + selected.card.data_hash);
  for (const auto& row : selected.data.rows) {
    if (row.part == persona::DataPart::kTrain) {
      selected.data_tokens += static_cast<std::int64_t>(row.tokens);
    }
    selected.has_valid_latest |= row.part == persona::DataPart::kValidLatest;
  }
  return selected;
}

// The dataset, with what is planted in it and what it is measured on.
Status write_data(const Selected& selected, const fs::path& directory) {
  KITH_RETURN_IF_ERROR(persona::write_dataset(selected.data, selected.card, directory));
  if (!selected.canaries.empty()) {
    const fs::path train = directory / "train.jsonl";
    KITH_ASSIGN_OR_RETURN(const std::string rows, base::read_file(train));
    KITH_RETURN_IF_ERROR(
        base::write_file_atomically(train, rows + canary_rows(selected.canaries), 0600));
    KITH_RETURN_IF_ERROR(base::write_file_atomically(directory / "canaries.jsonl",
                                                     canary_probes(selected.canaries), 0600));
  }
  return write_neighbours(selected.neighbours, selected.data, directory);
}

RecipeTemplate::Parts recipe_parts(const TrainingRequest& request, const Selected& selected,
                                   const fs::path& data, const fs::path& output) {
  return {.base_model = request.base_model,
          .init_adapter = selected.start ? selected.start->path : fs::path(),
          .data = data,
          .output = output,
          .data_tokens = selected.data_tokens,
          .has_valid_latest = selected.has_valid_latest};
}

// Perplexities of the validation before the first step, from the trainer's log.
Json first_validation(const fs::path& log) {
  const auto text = base::read_file(log);
  if (!text) return Json::object();
  for (std::size_t begin = 0; begin < text->size();) {
    const std::size_t end = std::min(text->find('\n', begin), text->size());
    const auto line = base::parse_json(std::string_view(*text).substr(begin, end - begin));
    begin = end + 1;
    if (!line || !line->is_object() || !line->contains("validation")) continue;
    if (line->value("step", -1) == 0) return (*line)["validation"];
  }
  return Json::object();
}

// Nothing that depends on the clock or the machine, so that a resumed training says the same.
Result<OrderedJson> metrics_of(const Json& report, const fs::path& run) {
  const Json before = first_validation(run / "log.jsonl");
  if (!report.is_object() || !report.contains("validation")) {
    return Error{ErrorCode::kInternal, "kith-train's report lacks the validation"};
  }
  OrderedJson metrics{{"steps", report.value("steps", std::int64_t{0})},
                      {"tokens", report.value("tokens", std::int64_t{0})},
                      {"validation", OrderedJson::object()}};
  for (const auto& [name, figure] : report["validation"].items()) {
    OrderedJson json{{"loss", figure.value("loss", 0.0)},
                     {"perplexity", figure.value("perplexity", 0.0)},
                     {"tokens", figure.value("tokens", std::int64_t{0})}};
    if (before.contains(name) && before[name].is_number()) {
      json["loss_before"] = std::log(before[name].get<double>());
      json["perplexity_before"] = before[name].get<double>();
    }
    metrics["validation"][name] = std::move(json);
  }
  return metrics;
}

StageOptions stage_options(const TrainingRequest& request) {
  return {.kind = "adapter",
          .trainer = request.trainer,
          .resumes = request.resumes,
          .is_fresh = request.is_fresh,
          .is_quiet = request.is_quiet};
}

class AdapterTraining final : public StagedTraining {
 public:
  AdapterTraining(const TrainingRequest& request, const TrainingPorts& ports, Job job)
      : StagedTraining(std::move(job), stage_options(request),
                       {ports.with_installation, ports.register_version, ports.say}),
        request_(request),
        ports_(ports) {}

 private:
  Status select_data() override {
    say("selecting the conversations");
    KITH_ASSIGN_OR_RETURN(const Selected selected, select(request_, ports_));
    JobState state = job().state();
    KITH_ASSIGN_OR_RETURN(state.base_hash, hash_base_model(request_.base_model));
    std::error_code error;
    fs::remove_all(job().run(), error);
    KITH_RETURN_IF_ERROR(write_data(selected, job().data()));
    const std::string recipe =
        request_.recipe.complete(recipe_parts(request_, selected, job().data(), job().run()));
    KITH_RETURN_IF_ERROR(base::write_file_atomically(job().recipe(), recipe, 0600));
    KITH_RETURN_IF_ERROR(job().save_contributors(all_users(selected)));
    state.stage = JobStage::kSelected;
    state.data_hash = selected.card.data_hash;
    // Where the installation lies does not change what is trained.
    state.recipe_hash =
        storage::digest({request_.recipe.complete(recipe_parts(request_, selected, "data", "run")),
                         canary_rows(selected.canaries)});
    state.parent = selected.start ? selected.start->version : std::string();
    state.id = storage::digest({request_.adapter.str(), state.data_hash, state.recipe_hash,
                                state.base_hash, state.parent});
    say(std::to_string(selected.data.contributors.size()) + " users, " +
        std::to_string(selected.data_tokens) +
        " tokens; card: " + (job().data() / "card.md").string());
    return job().save(state);
  }

  // Validation users and those of other personas too: their words are in the files.
  static std::vector<Participant> all_users(const Selected& selected) {
    std::map<UserId, bool> users;
    for (const auto& row : selected.data.rows) {
      users[row.user] |= row.part == persona::DataPart::kTrain;
    }
    for (const auto& row : selected.neighbours) users.try_emplace(row.user, false);
    std::vector<Participant> participants;
    for (const auto& [user, trains] : users) {
      participants.push_back({{TenantId(storage::kDefaultTenant), user}, trains});
    }
    return participants;
  }

  Status evaluate() override {
    KITH_ASSIGN_OR_RETURN(const Json report, this->report());
    JobState state = job().state();
    KITH_ASSIGN_OR_RETURN(OrderedJson metrics, metrics_of(report, job().run()));
    KITH_ASSIGN_OR_RETURN(const double share, choose_share());
    metrics["update_share"] = share;
    KITH_RETURN_IF_ERROR(write_scaled_adapter(job().run() / "adapter", share, job().kept()));
    state.metrics = metrics.dump();
    state.stage = JobStage::kEvaluated;
    return job().save(state);
  }

  Result<double> choose_share() const {
    if (!ports_.choose_share) return 1.0;
    say("measuring how much of the update may stay");
    KITH_ASSIGN_OR_RETURN(const double share,
                          ports_.choose_share(job().run() / "adapter", job().data() / "choice"));
    if (share > 0.0) {
      say("a share of " + std::to_string(share) + " of the update stays");
      return share;
    }
    say("however little of the update stays, others are told worse; all of it stays, for the gate "
        "to judge");
    return 1.0;
  }

  // For the gate, which measures on users that never trained: only where the operator asks.
  Status keep_data() override {
    if (request_.keep_data.empty()) return {};
    std::error_code error;
    fs::create_directories(request_.keep_data, error);
    fs::copy(job().data(), request_.keep_data,
             fs::copy_options::recursive | fs::copy_options::overwrite_existing, error);
    if (!error) return {};
    return Error{ErrorCode::kUnavailable,
                 "cannot copy the data to " + request_.keep_data.string() + ": " + error.message()};
  }

  const TrainingRequest& request_;
  const TrainingPorts& ports_;
};

}  // namespace

Result<JobState> train_adapter(const TrainingRequest& request, const TrainingPorts& ports) {
  KITH_ASSIGN_OR_RETURN(Job job, Job::open(request.data_dir, request.adapter));
  AdapterTraining training(request, ports, std::move(job));
  return training.run();
}

Result<TrainingForecast> forecast_training(const TrainingRequest& request,
                                           const TrainingPorts& ports) {
  KITH_ASSIGN_OR_RETURN(const Selected selected, select(request, ports));
  TrainingForecast forecast{.card = selected.card,
                            .data_tokens = selected.data_tokens,
                            .steps = request.recipe.steps_for(selected.data_tokens)};
  const fs::path scratch = request.data_dir / "personas" / "forecast" / request.adapter.str();
  if (ports.say) ports.say("timing a few steps");
  KITH_ASSIGN_OR_RETURN(const TimedSteps timed,
                        time_steps(stage_options(request), scratch, [&]() -> Status {
                          KITH_RETURN_IF_ERROR(write_data(selected, scratch / "data"));
                          const std::string recipe = request.recipe.complete(
                              recipe_parts(request, selected, scratch / "data", scratch / "run"));
                          return base::write_file_atomically(scratch / "recipe.toml", recipe, 0600);
                        }));
  forecast.tokens_per_second = timed.tokens_per_second;
  forecast.peak_bytes = timed.peak_bytes;
  if (forecast.steps > 0 && forecast.tokens_per_second > 0.0) {
    forecast.seconds = predicted_seconds(forecast.steps * request.recipe.batch_tokens(),
                                         forecast.tokens_per_second);
  }
  return forecast;
}

}  // namespace kith::tuning
