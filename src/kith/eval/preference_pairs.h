// Pairs of drafts of which a persona's users would choose one: PREFERENCES/pairs.jsonl of an
// example.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "kith/base/result.h"

namespace kith::eval {

struct PreferencePair {
  std::string id;
  std::string persona;
  std::string user;
  // The user belongs to the part that never trains.
  bool is_test = false;
  std::string question;
  std::string chosen;
  std::string rejected;
};

// Reads {"id","persona","user","split","question","chosen","rejected"} a line.
// Errors: kNotFound; kInvalidArgument naming file and line, also for a member that is missing or
//   empty, a split other than train and test, and a user in both.
Result<std::vector<PreferencePair>> load_preference_pairs(const std::filesystem::path& file);

// What to choose settings on, so that the test users are left alone: the pairs of every third train
// user of a persona, in the order of their names, are asked in place of the test users', whose
// pairs are dropped. tools/corpus/make_preferences.py trains on none of these users.
std::vector<PreferencePair> tuning_part(const std::vector<PreferencePair>& pairs);

}  // namespace kith::eval
