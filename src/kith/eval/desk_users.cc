#include "kith/eval/desk_users.h"

#include <map>

#include "kith/base/json.h"
#include "kith/storage/record_files.h"

namespace kith::eval {
namespace {

namespace fs = std::filesystem;

std::string text_of(const base::Json& record, const char* key) {
  const auto text = base::read_string(record, key);
  return text && *text ? **text : std::string();
}

bool has_consent(const base::Json& employee) {
  const base::Json consent = employee.value("consent", base::Json::object());
  return consent.value("personalize", true) && consent.value("learn", true);
}

DeskUser read_employee(const base::Json& line) {
  DeskUser user;
  user.user.id = UserId(text_of(line, "id"));
  const base::Json attributes = line.value("attributes", base::Json::object());
  for (const auto& [name, value] : attributes.items()) {
    if (value.is_string()) user.user.attributes[name] = value.get<std::string>();
  }
  return user;
}

}  // namespace

Result<std::vector<DeskUser>> load_desk_users(const fs::path& example) {
  std::vector<DeskUser> users;
  std::map<std::string, std::size_t> index;
  KITH_RETURN_IF_ERROR(
      storage::read_records(example / "employees.jsonl", [&](const base::Json& line) {
        if (!has_consent(line)) return;
        index[text_of(line, "id")] = users.size();
        users.push_back(read_employee(line));
      }));
  KITH_RETURN_IF_ERROR(storage::read_records(example / "truth.jsonl", [&](const base::Json& line) {
    const auto found = index.find(text_of(line, "id"));
    if (found == index.end()) return;
    users[found->second].persona = text_of(line, "persona");
    users[found->second].is_test = text_of(line, "split") == "test";
  }));
  KITH_ASSIGN_OR_RETURN(const auto files, storage::jsonl_files(example / "conversations"));
  const auto add_messages = [&](const base::Json& line) {
    const auto found = index.find(text_of(line, "user"));
    if (found == index.end()) return;
    for (const auto& turn : line.value("turns", base::Json::array())) {
      if (text_of(turn, "role") != "user") continue;
      users[found->second].user.messages.push_back(text_of(turn, "text"));
    }
  };
  for (const fs::path& file : files) {
    KITH_RETURN_IF_ERROR(storage::read_records(file, add_messages));
  }
  return users;
}

}  // namespace kith::eval
