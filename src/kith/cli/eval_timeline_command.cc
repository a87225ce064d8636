// kith eval timeline
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "kith/base/json.h"
#include "kith/cli/command.h"
#include "kith/cli/print_report.h"
#include "kith/cli/progress_bar.h"
#include "kith/eval/timeline_suite.h"
#include "kith/tuning/child_process.h"

namespace kith::cli {
namespace {

namespace fs = std::filesystem;

struct TimelineArguments {
  std::string data;
  std::string test;
  std::string keep;
  double minutes = 40.0;
  int seeds = 2;
};

// Where trainings write: what --keep says, or a directory that goes at the end.
class WorkDirectory {
 public:
  static Result<WorkDirectory> create(const std::string& kept) {
    std::error_code error;
    if (!kept.empty()) {
      fs::create_directories(kept, error);
      if (error) return Error{ErrorCode::kUnavailable, "cannot create " + kept};
      return WorkDirectory(kept, false);
    }
    std::string name = (fs::temp_directory_path(error) / "kith-eval-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
      return Error{ErrorCode::kUnavailable, "cannot create " + name};
    }
    return WorkDirectory(name, true);
  }
  WorkDirectory(WorkDirectory&& other) noexcept
      : path_(std::move(other.path_)), removes_(std::exchange(other.removes_, false)) {}
  WorkDirectory& operator=(WorkDirectory&&) = delete;
  ~WorkDirectory() {
    std::error_code ignored;
    if (removes_) fs::remove_all(path_, ignored);
  }

  const fs::path& path() const { return path_; }

 private:
  WorkDirectory(fs::path path, bool removes) : path_(std::move(path)), removes_(removes) {}

  fs::path path_;
  bool removes_;
};

Result<fs::path> train(const fs::path& trainer, const fs::path& recipe) {
  std::vector<std::string> command{trainer.string(), "train", "timeline", recipe.string(),
                                   "--json"};
  if (::isatty(STDERR_FILENO) == 0) command.emplace_back("--quiet");
  KITH_ASSIGN_OR_RETURN(const auto child, tuning::run_child({.command = command}));
  if (child.exit_status != 0) {
    return Error{ErrorCode::kInternal, "kith-train failed on " + recipe.string()};
  }
  KITH_ASSIGN_OR_RETURN(const base::Json report, base::parse_json(child.output));
  KITH_ASSIGN_OR_RETURN(const auto result, base::read_string(report, "result"));
  if (!result) return Error{ErrorCode::kUnavailable, "the training was stopped"};
  return fs::path(*result);
}

Status evaluate(const GlobalOptions& options, const TimelineArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(const fs::path trainer, tuning::find_program("kith-train", "KITH_TRAIN"));
  KITH_ASSIGN_OR_RETURN(const WorkDirectory work, WorkDirectory::create(arguments.keep));
  eval::TimelineOptions suite{.data = arguments.data,
                              .minutes = arguments.minutes,
                              .seeds = arguments.seeds,
                              .work = work.path()};
  if (!arguments.test.empty()) suite.test = arguments.test;
  KITH_ASSIGN_OR_RETURN(
      const eval::Report report,
      eval::evaluate_timeline(
          suite, [&](const fs::path& recipe) { return train(trainer, recipe); }, progress_bar()));
  print_report(report, options);
  return {};
}

}  // namespace

void add_timeline_suite(CLI::App& command, GlobalOptions& options, int& status) {
  const auto arguments = std::make_shared<TimelineArguments>();
  auto* sub = command.add_subcommand("timeline", "what the user encoder knows of what comes next");
  sub->add_option("--data", arguments->data,
                  "directory with */sequences.txt or */ratings.csv and itsm-incident-log, or some")
      ->required();
  sub->add_option("--test", arguments->test,
                  "the same with other data: each user's last item here is reported on");
  sub->add_option("--minutes", arguments->minutes, "of everything (default: 40)")
      ->check(CLI::PositiveNumber);
  sub->add_option("--seeds", arguments->seeds, "trainings of each (default: 2)")
      ->check(CLI::Range(1, 100));
  sub->add_option("--keep", arguments->keep, "directory that keeps data, recipes and encoders");
  sub->callback([&options, &status, arguments] {
    status = finish(evaluate(options, *arguments), options.json);
  });
}

}  // namespace kith::cli
