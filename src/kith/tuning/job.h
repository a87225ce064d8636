// How far the training of an adapter has come: a directory that survives the process, however it
// ends. Each stage is complete when the job file says so, which is written last and atomically;
// what a killed stage left half done is done again.
//
// In DATA/personas/jobs/NAME: job.json (stage, hashes, figures), contributors.json (whose words
// take part, until the version is registered), data/ (the dataset with its card,
// persona/dataset_card.h), recipe.toml, run/ (what kith-train writes) and log.txt.
//
// When the version is registered, only the job file, recipe, card and log remain: no user's words.
// docs/formats/training-data.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "kith/base/ids.h"
#include "kith/base/result.h"
#include "kith/storage/scope.h"

namespace kith::tuning {

enum class JobStage : std::uint8_t { kNew, kSelected, kTrained, kEvaluated, kRegistered };
// "new", "selected", ...
std::string_view to_string(JobStage stage);

struct JobState {
  AdapterId adapter;
  JobStage stage = JobStage::kNew;
  // Tells this training from another of the same adapter.
  std::string id;
  std::string data_hash;
  std::string recipe_hash;
  std::string base_hash;
  // The adapter version that training starts from ("use_case@2"); empty: a fresh one.
  std::string parent;
  // JSON object, from kEvaluated on: {"steps","tokens","validation":{NAME:{"before","after"}}}.
  std::string metrics = "{}";
  // As what it was registered ("leadership@3").
  std::string version;

  friend bool operator==(const JobState&, const JobState&) = default;
};

// Somebody whose words are in a job's files.
struct Participant {
  storage::Scope scope;
  // Else the words only validate, and leave no trace in the weights.
  bool trains = true;

  friend bool operator==(const Participant&, const Participant&) = default;
};

// Where the parts of a job are. Movable; holds a lock on the directory, so that a second process
// does not work on it at the same time. Not thread-safe.
class Job {
 public:
  // Creates the directory (mode 0700) if there is none, and reads its state.
  // Errors: kConflict if another process works on it; kInvalidArgument for a damaged job file;
  //   kUnavailable.
  static Result<Job> open(const std::filesystem::path& data_dir, const AdapterId& adapter);

  Job(Job&& other) noexcept;
  Job& operator=(Job&&) = delete;
  ~Job();

  const JobState& state() const { return state_; }
  std::filesystem::path path() const { return directory_; }
  std::filesystem::path data() const { return directory_ / "data"; }
  std::filesystem::path recipe() const { return directory_ / "recipe.toml"; }
  std::filesystem::path run() const { return directory_ / "run"; }
  // The adapter as it is registered: what was trained, with the share of its update that stays.
  std::filesystem::path kept() const { return run() / "kept"; }
  std::filesystem::path log() const { return directory_ / "log.txt"; }

  // Durable when it returns. Errors: kUnavailable.
  Status save(const JobState& state);
  // Forgets everything but the lock. Errors: kUnavailable.
  Status restart();
  // Removes what holds words of users. Errors: kUnavailable.
  Status remove_rows();

  Status save_contributors(const std::vector<Participant>& users);
  // Errors: kNotFound, kInvalidArgument.
  Result<std::vector<Participant>> contributors() const;

 private:
  Job(std::filesystem::path directory, int lock_fd)
      : directory_(std::move(directory)), lock_fd_(lock_fd) {}

  std::filesystem::path directory_;
  int lock_fd_ = -1;
  JobState state_;
};

// What a trainer has done so far, read beside it: the state as it was saved last, and whose words
// take part. Errors: kNotFound without a job; kInvalidArgument for damaged files.
struct JobRecord {
  JobState state;
  std::vector<Participant> participants;
  std::filesystem::path adapter;  // PEFT directory, as it is registered; from kEvaluated on
};
Result<JobRecord> read_job(const std::filesystem::path& data_dir, const AdapterId& adapter);

// The file of the secrets planted in this version's training (canaries.h); empty if the adapter's
// last training made another version, or planted none.
std::filesystem::path find_planted(const std::filesystem::path& data_dir, const AdapterId& adapter,
                                   const std::string& version);

// Removes the rows of every unfinished training that this user takes part in, so that it has to
// select its data anew. Returns how many there were. Part of erasing a user.
// Errors: kUnavailable.
Result<int> forget_user(const std::filesystem::path& data_dir, const storage::Scope& scope);

}  // namespace kith::tuning
