#include "kith/tuning/job.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "kith/base/file.h"
#include "kith/base/json.h"

namespace kith::tuning {
namespace {

namespace fs = std::filesystem;
using base::Json;
using base::OrderedJson;

constexpr const char* kJobFile = "job.json";
constexpr const char* kContributors = "contributors.json";
constexpr std::array kStages =
    std::to_array<std::string_view>({"new", "selected", "trained", "evaluated", "registered"});

fs::path jobs_directory(const fs::path& data_dir) { return data_dir / "personas" / "jobs"; }

Status remove_tree(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (!error) return {};
  return Error{ErrorCode::kUnavailable, "cannot remove " + path.string() + ": " + error.message()};
}

Result<JobState> parse_state(const std::string& text) {
  KITH_ASSIGN_OR_RETURN(const Json json, base::parse_json(text));
  const Error damaged{ErrorCode::kInvalidArgument, "the job file is damaged"};
  if (!json.is_object()) return damaged;
  JobState state;
  std::string stage;
  std::string adapter;
  const std::array<std::pair<const char*, std::string*>, 8> texts{
      {{"adapter", &adapter},
       {"stage", &stage},
       {"id", &state.id},
       {"data_hash", &state.data_hash},
       {"recipe_hash", &state.recipe_hash},
       {"base_hash", &state.base_hash},
       {"parent", &state.parent},
       {"version", &state.version}}};
  for (const auto& [key, to] : texts) {
    KITH_ASSIGN_OR_RETURN(auto value, base::read_string(json, key));
    if (value) *to = *std::move(value);
  }
  const auto found = std::find(kStages.begin(), kStages.end(), stage);
  if (found == kStages.end()) return damaged;
  state.stage = static_cast<JobStage>(found - kStages.begin());
  state.adapter = AdapterId(adapter);
  if (const auto metrics = json.find("metrics"); metrics != json.end()) {
    state.metrics = base::dump_json(*metrics);
  }
  return state;
}

Result<std::vector<Participant>> read_contributors(const fs::path& directory) {
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(directory / kContributors));
  KITH_ASSIGN_OR_RETURN(const Json json, base::parse_json(text));
  std::vector<Participant> users;
  if (!json.is_array()) return Error{ErrorCode::kInvalidArgument, "contributors must be a list"};
  for (const Json& item : json) {
    if (!item.is_object()) return Error{ErrorCode::kInvalidArgument, "a contributor is an object"};
    KITH_ASSIGN_OR_RETURN(const auto tenant, base::read_string(item, "tenant"));
    KITH_ASSIGN_OR_RETURN(const auto user, base::read_string(item, "user"));
    KITH_ASSIGN_OR_RETURN(const auto trains, base::read_bool(item, "trains"));
    users.push_back(
        {{TenantId(tenant.value_or("")), UserId(user.value_or(""))}, trains.value_or(true)});
  }
  return users;
}

// The dataset's rows and what was made of them; the card stays.
Status remove_rows_in(const fs::path& directory) {
  for (const char* name : {"train.jsonl", "valid_users.jsonl", "valid_latest.jsonl",
                           "timelines.safetensors", "features.json", "valid.jsonl"}) {
    KITH_RETURN_IF_ERROR(remove_tree(directory / "data" / name));
  }
  for (const char* name : {"others", "choice"}) {
    KITH_RETURN_IF_ERROR(remove_tree(directory / "data" / name));
  }
  KITH_RETURN_IF_ERROR(remove_tree(directory / "run"));
  return remove_tree(directory / kContributors);
}

}  // namespace

std::string_view to_string(JobStage stage) { return kStages[static_cast<std::size_t>(stage)]; }

Result<Job> Job::open(const fs::path& data_dir, const AdapterId& adapter) {
  const fs::path directory = jobs_directory(data_dir) / adapter.str();
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) {
    return Error{ErrorCode::kUnavailable,
                 "cannot create " + directory.string() + ": " + error.message()};
  }
  fs::permissions(directory, fs::perms::owner_all, error);
  const int lock = ::open((directory / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0)
    return Error{ErrorCode::kUnavailable, "cannot open a lock in " + directory.string()};
  Job job(directory, lock);
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    return Error{ErrorCode::kConflict, adapter.str() + " is being trained by another process"};
  }
  const auto text = base::read_file(directory / kJobFile);
  if (text) {
    auto state = parse_state(*text);
    if (!state) return std::move(state).error().with_context((directory / kJobFile).string());
    job.state_ = *std::move(state);
  }
  job.state_.adapter = adapter;
  return job;
}

Job::Job(Job&& other) noexcept
    : directory_(std::move(other.directory_)),
      lock_fd_(std::exchange(other.lock_fd_, -1)),
      state_(std::move(other.state_)) {}

Job::~Job() {
  if (lock_fd_ >= 0) close(lock_fd_);
}

Status Job::save(const JobState& state) {
  KITH_ASSIGN_OR_RETURN(const OrderedJson metrics, base::parse_ordered_json(state.metrics));
  const OrderedJson json{{"schema", 1},
                         {"adapter", state.adapter.str()},
                         {"stage", to_string(state.stage)},
                         {"id", state.id},
                         {"data_hash", state.data_hash},
                         {"recipe_hash", state.recipe_hash},
                         {"base_hash", state.base_hash},
                         {"parent", state.parent},
                         {"version", state.version},
                         {"metrics", metrics}};
  KITH_RETURN_IF_ERROR(
      base::write_file_atomically(directory_ / kJobFile, json.dump(1) + "\n", 0600));
  state_ = state;
  return {};
}

Status Job::restart() {
  // The state first: without it, what is left of the parts counts for nothing.
  KITH_RETURN_IF_ERROR(remove_tree(directory_ / kJobFile));
  KITH_RETURN_IF_ERROR(remove_rows_in(directory_));
  KITH_RETURN_IF_ERROR(remove_tree(data()));
  KITH_RETURN_IF_ERROR(remove_tree(recipe()));
  KITH_RETURN_IF_ERROR(remove_tree(log()));
  state_ = JobState{.adapter = state_.adapter};
  return {};
}

Status Job::remove_rows() { return remove_rows_in(directory_); }

Status Job::save_contributors(const std::vector<Participant>& users) {
  OrderedJson json = OrderedJson::array();
  for (const auto& [scope, trains] : users) {
    json.push_back(
        {{"tenant", scope.tenant.str()}, {"user", scope.user.str()}, {"trains", trains}});
  }
  return base::write_file_atomically(directory_ / kContributors, base::dump_json(json) + "\n",
                                     0600);
}

Result<std::vector<Participant>> Job::contributors() const { return read_contributors(directory_); }

Result<JobRecord> read_job(const fs::path& data_dir, const AdapterId& adapter) {
  const fs::path directory = jobs_directory(data_dir) / adapter.str();
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(directory / kJobFile));
  JobRecord record;
  KITH_ASSIGN_OR_RETURN(record.state, parse_state(text));
  record.state.adapter = adapter;
  KITH_ASSIGN_OR_RETURN(record.participants, read_contributors(directory));
  record.adapter = directory / "run" / "kept";
  return record;
}

fs::path find_planted(const fs::path& data_dir, const AdapterId& adapter,
                      const std::string& version) {
  const fs::path directory = jobs_directory(data_dir) / adapter.str();
  const auto text = base::read_file(directory / kJobFile);
  if (!text) return {};
  const auto state = parse_state(*text);
  if (!state || state->version != version) return {};
  const fs::path file = directory / "data" / "canaries.jsonl";
  std::error_code error;
  return fs::exists(file, error) ? file : fs::path();
}

Result<int> forget_user(const fs::path& data_dir, const storage::Scope& scope) {
  int forgotten = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(jobs_directory(data_dir), error)) {
    if (!fs::exists(entry.path() / kContributors, error)) continue;
    const auto users = read_contributors(entry.path());
    // A list that cannot be read may hold the user.
    const bool takes_part =
        !users || std::any_of(users->begin(), users->end(), [&](const Participant& participant) {
          return participant.scope == scope;
        });
    if (!takes_part) continue;
    KITH_RETURN_IF_ERROR(remove_tree(entry.path() / kJobFile));
    KITH_RETURN_IF_ERROR(remove_rows_in(entry.path()));
    ++forgotten;
  }
  return forgotten;
}

}  // namespace kith::tuning
