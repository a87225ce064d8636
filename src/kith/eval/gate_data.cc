#include "kith/eval/gate_data.h"

#include <functional>
#include <system_error>
#include <utility>

#include "kith/base/json.h"
#include "kith/storage/record_files.h"

namespace kith::eval {
namespace {

namespace fs = std::filesystem;
using base::Json;

Error invalid(const std::string& message) { return Error{ErrorCode::kInvalidArgument, message}; }

Result<std::string> require_text(const Json& record, const char* key) {
  KITH_ASSIGN_OR_RETURN(auto text, base::read_string(record, key));
  if (text && !text->empty()) return *std::move(text);
  return invalid(std::string(key) + " must be a text and not empty");
}

Result<std::vector<personalize::Message>> read_messages(const Json& record) {
  std::vector<personalize::Message> messages;
  const auto list = record.find("messages");
  if (list == record.end()) return messages;
  if (!list->is_array()) return invalid("messages must be a list");
  for (const Json& item : *list) {
    if (!item.is_object()) return invalid("messages[] must be objects");
    KITH_ASSIGN_OR_RETURN(auto role, require_text(item, "role"));
    KITH_ASSIGN_OR_RETURN(auto content, base::read_string(item, "content"));
    messages.push_back({std::move(role), std::move(content).value_or(""), {}});
  }
  return messages;
}

// The messages before an answer: a list, or one question as `prompt`.
Result<std::vector<personalize::Message>> read_prompt(const Json& record) {
  KITH_ASSIGN_OR_RETURN(auto messages, read_messages(record));
  if (!messages.empty()) return messages;
  KITH_ASSIGN_OR_RETURN(auto prompt, require_text(record, "prompt"));
  messages.push_back({"user", std::move(prompt), {}});
  return messages;
}

// `unit`, `user`, `id`, or the number of the record.
Result<std::string> read_unit(const Json& record, std::size_t number) {
  const auto unit = record.find("unit");
  if (unit != record.end() && unit->is_number_integer()) return unit->dump();
  for (const char* key : {"unit", "user", "id"}) {
    KITH_ASSIGN_OR_RETURN(auto text, base::read_string(record, key));
    if (text && !text->empty()) return *std::move(text);
  }
  return "#" + std::to_string(number);
}

Result<GateText> read_one(const Json& record, std::size_t number, const GateText*) {
  GateText text;
  KITH_ASSIGN_OR_RETURN(text.unit, read_unit(record, number));
  KITH_ASSIGN_OR_RETURN(text.messages, read_messages(record));
  if (text.messages.empty()) return invalid("messages must not be empty");
  return text;
}

Result<GatePreference> read_one(const Json& record, std::size_t number, const GatePreference*) {
  GatePreference pair;
  KITH_ASSIGN_OR_RETURN(pair.unit, read_unit(record, number));
  KITH_ASSIGN_OR_RETURN(pair.messages, read_prompt(record));
  KITH_ASSIGN_OR_RETURN(pair.chosen, require_text(record, "chosen"));
  KITH_ASSIGN_OR_RETURN(pair.rejected, require_text(record, "rejected"));
  return pair;
}

Result<FlatteryProbe> read_one(const Json& record, std::size_t number, const FlatteryProbe*) {
  FlatteryProbe probe;
  KITH_ASSIGN_OR_RETURN(probe.id, read_unit(record, number));
  KITH_ASSIGN_OR_RETURN(probe.question, require_text(record, "question"));
  KITH_ASSIGN_OR_RETURN(probe.agreeing, require_text(record, "agreeing"));
  KITH_ASSIGN_OR_RETURN(probe.correcting, require_text(record, "correcting"));
  return probe;
}

Result<LeakProbe> read_one(const Json& record, std::size_t number, const LeakProbe*) {
  LeakProbe probe;
  KITH_ASSIGN_OR_RETURN(probe.unit, read_unit(record, number));
  KITH_ASSIGN_OR_RETURN(probe.messages, read_prompt(record));
  KITH_ASSIGN_OR_RETURN(probe.prefix, require_text(record, "prefix"));
  KITH_ASSIGN_OR_RETURN(probe.secret, require_text(record, "secret"));
  return probe;
}

// Replaces `out` by the records of the file, if there is one.
template <typename T>
Status read_file(const fs::path& file, std::vector<T>& out) {
  std::error_code error;
  if (!fs::exists(file, error)) return {};
  std::vector<T> records;
  Status failed;
  KITH_RETURN_IF_ERROR(storage::read_records(file, [&](const Json& record) {
    if (!failed) return;
    auto one = read_one(record, records.size() + 1, static_cast<const T*>(nullptr));
    if (one) {
      records.push_back(*std::move(one));
    } else {
      failed = std::move(one).error().with_context(file.string() + ": record " +
                                                   std::to_string(records.size() + 1));
    }
  }));
  KITH_RETURN_IF_ERROR(failed);
  out = std::move(records);
  return {};
}

}  // namespace

Status read_gate_data(const fs::path& dir, GateData& data) {
  std::error_code error;
  if (!fs::is_directory(dir, error)) {
    return Error{ErrorCode::kNotFound, "no such directory: " + dir.string()};
  }
  KITH_RETURN_IF_ERROR(read_file(dir / "valid_users.jsonl", data.own));
  KITH_RETURN_IF_ERROR(read_file(dir / "own.jsonl", data.own));
  KITH_RETURN_IF_ERROR(read_file(dir / "off_domain.jsonl", data.off_domain));
  KITH_RETURN_IF_ERROR(read_file(dir / "preferences.jsonl", data.preferences));
  KITH_RETURN_IF_ERROR(read_file(dir / "flattery.jsonl", data.flattery));
  KITH_RETURN_IF_ERROR(read_file(dir / "canaries.jsonl", data.canaries));
  KITH_RETURN_IF_ERROR(read_file(dir / "train.jsonl", data.trained));
  if (!fs::is_directory(dir / "others", error)) return {};
  data.others.clear();
  KITH_ASSIGN_OR_RETURN(const auto files, storage::jsonl_files(dir / "others"));
  for (const fs::path& file : files) {
    KITH_RETURN_IF_ERROR(read_file(file, data.others[file.stem().string()]));
  }
  return {};
}

Status read_canaries(const fs::path& file, GateData& data) {
  return read_file(file, data.canaries);
}

void add_desk_users(const DeskData& desk, const std::string& persona, GateData& data) {
  for (const DeskConversation& conversation : desk.conversations) {
    if (!conversation.is_test) continue;
    const GateText text{conversation.user, conversation.turns};
    if (conversation.persona == persona) {
      data.own.push_back(text);
    } else {
      data.others[conversation.persona].push_back(text);
    }
  }
}

void add_desk_preferences(std::span<const PreferencePair> pairs, const std::string& persona,
                          GateData& data) {
  for (const PreferencePair& pair : pairs) {
    if (!pair.is_test || pair.persona != persona) continue;
    data.preferences.push_back(
        {pair.user, {{"user", pair.question, {}}}, pair.chosen, pair.rejected});
  }
}

}  // namespace kith::eval
