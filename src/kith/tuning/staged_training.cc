#include "kith/tuning/staged_training.h"

#include <algorithm>
#include <utility>

#include "kith/base/file.h"
#include "kith/tuning/child_process.h"

namespace kith::tuning {
namespace {

namespace fs = std::filesystem;
using base::Json;

constexpr const char* kReport = "report.json";
// Of a timed run: the first steps are slower.
constexpr int kTimedSteps = 4;
// Reading the model, encoding, validating and writing, on top of the steps.
constexpr double kOverheadSeconds = 10.0;

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

StagedTraining::StagedTraining(Job job, StageOptions options, StagePorts ports)
    : job_(std::move(job)), options_(std::move(options)), ports_(std::move(ports)) {}

void StagedTraining::say(const std::string& message) const {
  if (ports_.say) ports_.say(message);
}

Status StagedTraining::begin() {
  const JobStage stage = job_.state().stage;
  const bool is_unfinished = stage != JobStage::kNew && stage != JobStage::kRegistered;
  if (is_unfinished && !options_.resumes && !options_.is_fresh) {
    return Error{ErrorCode::kConflict, "an unfinished training of " + job_.state().adapter.str() +
                                           " is there (" + std::string(to_string(stage)) +
                                           "): --resume goes on with it, --fresh drops it"};
  }
  if (!is_unfinished || options_.is_fresh) return job_.restart();
  KITH_ASSIGN_OR_RETURN(const bool may, contributors_agree());
  if (may) {
    say("going on with the training that is " + std::string(to_string(stage)));
    return {};
  }
  say("somebody whose data takes part was erased or withdrew: data is selected anew");
  return job_.restart();
}

// Consent is asked for at each use of the data, and an erased user has none.
Result<bool> StagedTraining::contributors_agree() {
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

Status StagedTraining::train() {
  say("training " + job_.state().adapter.str());
  std::vector<std::string> command{options_.trainer.string(), "train",    options_.kind,
                                   job_.recipe().string(),    "--resume", "--json"};
  if (options_.is_quiet) command.emplace_back("--quiet");
  ChildResult child;
  KITH_ASSIGN_OR_RETURN(const Json report,
                        run_trainer(command, options_.is_quiet ? job_.log() : fs::path(), child));
  if (!report.value("finished", false)) {
    return Error{ErrorCode::kCancelled, "the training was stopped; --resume goes on with it"};
  }
  KITH_RETURN_IF_ERROR(base::write_file_atomically(job_.run() / kReport, report.dump(1) + "\n"));
  JobState state = job_.state();
  state.stage = JobStage::kTrained;
  return job_.save(state);
}

Result<Json> StagedTraining::report() const {
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(job_.run() / kReport));
  return base::parse_json(text);
}

// Those of the training part: validation leaves no trace in the weights.
Result<std::vector<storage::Scope>> StagedTraining::training_users() const {
  KITH_ASSIGN_OR_RETURN(const auto participants, job_.contributors());
  std::vector<storage::Scope> users;
  for (const auto& [scope, trains] : participants) {
    if (trains) users.push_back(scope);
  }
  return users;
}

Status StagedTraining::register_version() {
  KITH_ASSIGN_OR_RETURN(const bool may, contributors_agree());
  if (!may) {
    KITH_RETURN_IF_ERROR(job_.restart());
    return Error{ErrorCode::kConflict,
                 "somebody whose data took part was erased or withdrew meanwhile; what was trained "
                 "is dropped: start again"};
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

Result<JobState> StagedTraining::run() {
  KITH_RETURN_IF_ERROR(begin());
  if (job_.state().stage == JobStage::kNew) KITH_RETURN_IF_ERROR(select_data());
  if (job_.state().stage == JobStage::kSelected) KITH_RETURN_IF_ERROR(train());
  if (job_.state().stage == JobStage::kTrained) KITH_RETURN_IF_ERROR(evaluate());
  if (job_.state().stage == JobStage::kEvaluated) KITH_RETURN_IF_ERROR(register_version());
  // Also after a crash between the two.
  KITH_RETURN_IF_ERROR(job_.remove_rows());
  return job_.state();
}

Result<TimedSteps> time_steps(const StageOptions& options, const fs::path& directory,
                              const std::function<Status()>& fill) {
  const ScratchDirectory scratch(directory);
  std::error_code error;
  fs::create_directories(scratch.path(), error);
  if (error) {
    return Error{ErrorCode::kUnavailable, "cannot create " + scratch.path().string()};
  }
  KITH_RETURN_IF_ERROR(fill());
  ChildResult child;
  KITH_ASSIGN_OR_RETURN(const Json report,
                        run_trainer({options.trainer.string(), "train", options.kind,
                                     (scratch.path() / "recipe.toml").string(), "--max-steps",
                                     std::to_string(kTimedSteps), "--json", "--quiet"},
                                    scratch.path() / "log.txt", child));
  return TimedSteps{report.value("tokens_per_second", 0.0), child.peak_bytes};
}

double predicted_seconds(std::int64_t tokens, double tokens_per_second) {
  return static_cast<double>(tokens) / tokens_per_second + kOverheadSeconds;
}

}  // namespace kith::tuning
