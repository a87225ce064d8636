#include "kith/eval/preference_pairs.h"

#include <map>
#include <optional>
#include <set>

#include "kith/base/json.h"
#include "kith/storage/record_files.h"

namespace kith::eval {
namespace {

Error invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

Status read_member(const base::Json& line, const char* key, std::string& to) {
  KITH_ASSIGN_OR_RETURN(auto text, base::read_string(line, key));
  if (!text || text->empty()) return invalid(std::string(key) + " is missing or empty");
  to = *std::move(text);
  return {};
}

Result<PreferencePair> read_pair(const base::Json& line) {
  PreferencePair pair;
  std::string split;
  const std::pair<const char*, std::string*> members[] = {{"id", &pair.id},
                                                          {"persona", &pair.persona},
                                                          {"user", &pair.user},
                                                          {"split", &split},
                                                          {"question", &pair.question},
                                                          {"chosen", &pair.chosen},
                                                          {"rejected", &pair.rejected}};
  for (const auto& [key, to] : members) KITH_RETURN_IF_ERROR(read_member(line, key, *to));
  if (split != "train" && split != "test") return invalid("split must be train or test");
  pair.is_test = split == "test";
  return pair;
}

}  // namespace

Result<std::vector<PreferencePair>> load_preference_pairs(const std::filesystem::path& file) {
  std::vector<PreferencePair> pairs;
  std::map<std::string, bool> split_of;
  std::optional<Error> error;
  const auto use = [&](const base::Json& line) {
    if (error) return;
    auto pair = read_pair(line);
    const std::string where = file.string() + ", pair " + std::to_string(pairs.size() + 1);
    if (!pair) {
      error = std::move(pair).error().with_context(where);
    } else if (split_of.emplace(pair->user, pair->is_test).first->second != pair->is_test) {
      error = invalid(where + ": its user is in both splits");
    } else {
      pairs.push_back(*std::move(pair));
    }
  };
  KITH_RETURN_IF_ERROR(storage::read_records(file, use));
  if (error) return *error;
  return pairs;
}

std::vector<PreferencePair> tuning_part(const std::vector<PreferencePair>& pairs) {
  constexpr std::size_t kEvery = 3;
  std::map<std::string, std::set<std::string>> users;
  for (const auto& pair : pairs) {
    if (!pair.is_test) users[pair.persona].insert(pair.user);
  }
  std::set<std::string> asked;
  for (const auto& [persona, own] : users) {
    std::size_t number = 0;
    for (const auto& user : own) {
      if (number++ % kEvery == 0) asked.insert(user);
    }
  }
  std::vector<PreferencePair> part;
  for (const auto& pair : pairs) {
    if (pair.is_test) continue;
    part.push_back(pair);
    part.back().is_test = asked.contains(pair.user);
  }
  return part;
}

}  // namespace kith::eval
