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
#include "kith/tuning/child_process.h"
#include "kith/tuning/neighbours.h"
#include "kith/tuning/prompt_source.h"
#include "kith/tuning/scaled_adapter.h"

namespace kith::tuning {
namespace {

namespace fs = std::filesystem;
using base::Json;
using base::OrderedJson;

// Of a timed run: the first steps are slower.
constexpr int kTimedSteps = 4;
// Reading the model, encoding, validating and writing, on top of the steps.
constexpr double kOverheadSeconds = 10.0;

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

// The trainer's report. Its own words stand in the log, or on the terminal.
Result<Json> run_trainer(const std::vector<std::string>& command, const fs::path& log,
                         ChildResult& child) {
  KITH_ASSIGN_OR_RETURN(child, run_child({.command = command, .error_log = log}));
  if (child.signal != 0) {
    return Error{ErrorCode::kCancelled,
                 "kith-train was ended by signal " + std::to_string(child.signal)};
  }
  if (child.exit_status != 0) {
    std::string last;
    if (const auto text = base::read_file(log)) {
      last = text->substr(std::min(text->size(), text->find_last_not_of('\n') + 1 > 400
                                                     ? text->find_last_not_of('\n') + 1 - 400
                                                     : std::size_t{0}));
    }
    return Error{child.exit_status == 2 ? ErrorCode::kInvalidArgument : ErrorCode::kUnavailable,
                 "kith-train failed" + (last.empty() ? std::string() : ": " + last)};
  }
  return base::parse_json(child.output);
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

// Works through the stages of one job.
class Training {
 public:
  Training(const TrainingRequest& request, const TrainingPorts& ports, Job job)
      : request_(request), ports_(ports), job_(std::move(job)) {}

  Result<JobState> run() {
    KITH_RETURN_IF_ERROR(begin());
    if (job_.state().stage == JobStage::kNew) KITH_RETURN_IF_ERROR(select_data());
    if (job_.state().stage == JobStage::kSelected) KITH_RETURN_IF_ERROR(fine_tune());
    if (job_.state().stage == JobStage::kTrained) KITH_RETURN_IF_ERROR(evaluate());
    if (job_.state().stage == JobStage::kEvaluated) KITH_RETURN_IF_ERROR(register_version());
    // Also after a crash between the two.
    KITH_RETURN_IF_ERROR(job_.remove_rows());
    return job_.state();
  }

 private:
  void say(const std::string& message) const {
    if (ports_.say) ports_.say(message);
  }

  Status begin() {
    const JobStage stage = job_.state().stage;
    const bool is_unfinished = stage != JobStage::kNew && stage != JobStage::kRegistered;
    if (is_unfinished && !request_.resumes && !request_.is_fresh) {
      return Error{ErrorCode::kConflict, "an unfinished training of " + request_.adapter.str() +
                                             " is there (" + std::string(to_string(stage)) +
                                             "): --resume goes on with it, --fresh drops it"};
    }
    if (!is_unfinished || request_.is_fresh) return job_.restart();
    KITH_ASSIGN_OR_RETURN(const bool may, contributors_agree());
    if (may) {
      say("going on with the training that is " + std::string(to_string(stage)));
      return {};
    }
    say("somebody whose conversations take part was erased or withdrew: data is selected anew");
    return job_.restart();
  }

  // Consent is asked for at each use of the data, and an erased user has none.
  Result<bool> contributors_agree() {
    const auto users = job_.contributors();
    if (!users) return false;
    bool agree = true;
    KITH_RETURN_IF_ERROR(ports_.with_installation([&](const InstallationView& view) -> Status {
      for (const auto& [scope, trains] : *users) {
        KITH_ASSIGN_OR_RETURN(const auto user, view.stores.users().find(scope));
        KITH_ASSIGN_OR_RETURN(const bool allowed,
                              view.stores.consents().allows(scope, storage::kConsentLearn));
        agree = agree && user && allowed;
      }
      return {};
    }));
    return agree;
  }

  Status select_data() {
    say("selecting the conversations");
    KITH_ASSIGN_OR_RETURN(const Selected selected, select(request_, ports_));
    JobState state = job_.state();
    KITH_ASSIGN_OR_RETURN(state.base_hash, hash_base_model(request_.base_model));
    std::error_code error;
    fs::remove_all(job_.run(), error);
    KITH_RETURN_IF_ERROR(write_data(selected, job_.data()));
    const std::string recipe =
        request_.recipe.complete(recipe_parts(request_, selected, job_.data(), job_.run()));
    KITH_RETURN_IF_ERROR(base::write_file_atomically(job_.recipe(), recipe, 0600));
    KITH_RETURN_IF_ERROR(job_.save_contributors(all_users(selected)));
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
        " tokens; card: " + (job_.data() / "card.md").string());
    return job_.save(state);
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

  Status fine_tune() {
    say("fine-tuning " + request_.adapter.str());
    std::vector<std::string> command{request_.trainer.string(), "train",    "adapter",
                                     job_.recipe().string(),    "--resume", "--json"};
    if (request_.is_quiet) command.emplace_back("--quiet");
    ChildResult child;
    KITH_ASSIGN_OR_RETURN(const Json report,
                          run_trainer(command, request_.is_quiet ? job_.log() : fs::path(), child));
    if (!report.value("finished", false)) {
      return Error{ErrorCode::kCancelled, "the training was stopped; --resume goes on with it"};
    }
    KITH_RETURN_IF_ERROR(
        base::write_file_atomically(job_.run() / "report.json", report.dump(1) + "\n"));
    JobState state = job_.state();
    state.stage = JobStage::kTrained;
    return job_.save(state);
  }

  Status evaluate() {
    KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(job_.run() / "report.json"));
    KITH_ASSIGN_OR_RETURN(const Json report, base::parse_json(text));
    JobState state = job_.state();
    KITH_ASSIGN_OR_RETURN(OrderedJson metrics, metrics_of(report, job_.run()));
    KITH_ASSIGN_OR_RETURN(const double share, choose_share());
    metrics["update_share"] = share;
    KITH_RETURN_IF_ERROR(write_scaled_adapter(job_.run() / "adapter", share, job_.kept()));
    state.metrics = metrics.dump();
    state.stage = JobStage::kEvaluated;
    return job_.save(state);
  }

  Result<double> choose_share() const {
    if (!ports_.choose_share) return 1.0;
    say("measuring how much of the update may stay");
    KITH_ASSIGN_OR_RETURN(const double share,
                          ports_.choose_share(job_.run() / "adapter", job_.data() / "choice"));
    if (share > 0.0) {
      say("a share of " + std::to_string(share) + " of the update stays");
      return share;
    }
    say("however little of the update stays, others are told worse; all of it stays, for the gate "
        "to judge");
    return 1.0;
  }

  // Those of the training part: validation leaves no trace in the weights.
  Result<std::vector<storage::Scope>> training_users() const {
    KITH_ASSIGN_OR_RETURN(const auto participants, job_.contributors());
    std::vector<storage::Scope> users;
    for (const auto& [scope, trains] : participants) {
      if (trains) users.push_back(scope);
    }
    return users;
  }

  // For the gate, which measures on users that never trained: only where the operator asks.
  Status keep_data() const {
    if (request_.keep_data.empty()) return {};
    std::error_code error;
    fs::create_directories(request_.keep_data, error);
    fs::copy(job_.data(), request_.keep_data,
             fs::copy_options::recursive | fs::copy_options::overwrite_existing, error);
    if (!error) return {};
    return Error{ErrorCode::kUnavailable,
                 "cannot copy the data to " + request_.keep_data.string() + ": " + error.message()};
  }

  Status register_version() {
    KITH_ASSIGN_OR_RETURN(const bool may, contributors_agree());
    if (!may) {
      KITH_RETURN_IF_ERROR(job_.restart());
      return Error{
          ErrorCode::kConflict,
          "somebody whose conversations took part was erased or withdrew meanwhile; what was "
          "trained is dropped: start again"};
    }
    KITH_RETURN_IF_ERROR(keep_data());
    KITH_ASSIGN_OR_RETURN(auto users, training_users());
    JobState state = job_.state();
    if (ports_.register_version) {
      KITH_ASSIGN_OR_RETURN(
          state.version,
          ports_.register_version(
              {.job = state, .adapter = job_.kept(), .contributors = std::move(users)}));
    }
    state.stage = JobStage::kRegistered;
    return job_.save(state);
  }

  const TrainingRequest& request_;
  const TrainingPorts& ports_;
  Job job_;
};

// Removed with all that is in it.
class ScratchDirectory {
 public:
  explicit ScratchDirectory(fs::path path) : path_(std::move(path)) { remove(); }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory() { remove(); }

  const fs::path& path() const { return path_; }

 private:
  void remove() const {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }

  fs::path path_;
};

}  // namespace

Result<JobState> train_adapter(const TrainingRequest& request, const TrainingPorts& ports) {
  KITH_ASSIGN_OR_RETURN(Job job, Job::open(request.data_dir, request.adapter));
  Training training(request, ports, std::move(job));
  return training.run();
}

Result<TrainingForecast> forecast_training(const TrainingRequest& request,
                                           const TrainingPorts& ports) {
  KITH_ASSIGN_OR_RETURN(const Selected selected, select(request, ports));
  TrainingForecast forecast{.card = selected.card,
                            .data_tokens = selected.data_tokens,
                            .steps = request.recipe.steps_for(selected.data_tokens)};
  const ScratchDirectory scratch(request.data_dir / "personas" / "forecast" /
                                 request.adapter.str());
  std::error_code error;
  fs::create_directories(scratch.path(), error);
  if (error) {
    return Error{ErrorCode::kUnavailable, "cannot create " + scratch.path().string()};
  }
  KITH_RETURN_IF_ERROR(write_data(selected, scratch.path() / "data"));
  const std::string recipe = request.recipe.complete(
      recipe_parts(request, selected, scratch.path() / "data", scratch.path() / "run"));
  KITH_RETURN_IF_ERROR(base::write_file_atomically(scratch.path() / "recipe.toml", recipe, 0600));
  if (ports.say) ports.say("timing " + std::to_string(kTimedSteps) + " steps");
  ChildResult child;
  KITH_ASSIGN_OR_RETURN(const Json report,
                        run_trainer({request.trainer.string(), "train", "adapter",
                                     (scratch.path() / "recipe.toml").string(), "--max-steps",
                                     std::to_string(kTimedSteps), "--json", "--quiet"},
                                    scratch.path() / "log.txt", child));
  forecast.tokens_per_second = report.value("tokens_per_second", 0.0);
  forecast.peak_bytes = child.peak_bytes;
  if (forecast.steps > 0 && forecast.tokens_per_second > 0.0) {
    const auto tokens = static_cast<double>(forecast.steps * request.recipe.batch_tokens());
    forecast.seconds = tokens / forecast.tokens_per_second + kOverheadSeconds;
  }
  return forecast;
}

}  // namespace kith::tuning
