// The part of preference_data.h that needs the text library.
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "kith/base/file.h"
#include "kith/base/fingerprint.h"
#include "kith/base/json.h"
#include "kith/text/tokenizer.h"
#include "kith/train/documents.h"
#include "kith/train/preference_data.h"

namespace kith::train {
namespace {

namespace fs = std::filesystem;
using base::Json;

Error invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

// One line of a preference file.
struct Preference {
  std::vector<Message> prompt;
  // A pair has both, chosen first; a thumb has the first and a label.
  std::string first;
  std::string second;
  std::optional<bool> label;
  std::string user;
  // False for drafts that are beginnings: that they stop tells nothing.
  bool is_complete = true;
};

Result<std::vector<Message>> read_prompt(const Json& line) {
  KITH_ASSIGN_OR_RETURN(auto text, base::read_string(line, "prompt"));
  std::vector<Message> messages;
  if (text) {
    messages.push_back({"user", *std::move(text)});
  } else {
    const auto found = line.find("messages");
    if (found == line.end()) return invalid("a preference needs \"prompt\" or \"messages\"");
    KITH_ASSIGN_OR_RETURN(messages, read_messages(*found));
    if (messages.back().role == "assistant") {
      return invalid("\"messages\" must not end with the assistant: that is the answer");
    }
  }
  for (Message& message : messages) message.train = false;
  return messages;
}

Result<Preference> read_preference(const Json& line) {
  if (!line.is_object()) return invalid("a line must be an object");
  Preference preference;
  KITH_ASSIGN_OR_RETURN(preference.prompt, read_prompt(line));
  KITH_ASSIGN_OR_RETURN(auto chosen, base::read_string(line, "chosen"));
  KITH_ASSIGN_OR_RETURN(auto rejected, base::read_string(line, "rejected"));
  KITH_ASSIGN_OR_RETURN(auto completion, base::read_string(line, "completion"));
  KITH_ASSIGN_OR_RETURN(preference.label, base::read_bool(line, "label"));
  KITH_ASSIGN_OR_RETURN(auto user, base::read_string(line, "user"));
  KITH_ASSIGN_OR_RETURN(const auto is_complete, base::read_bool(line, "complete"));
  const bool is_pair = chosen && rejected && !completion && !preference.label;
  const bool is_thumb = completion && preference.label && !chosen && !rejected;
  if (!is_pair && !is_thumb) {
    return invalid(
        "a preference needs \"chosen\" and \"rejected\", or \"completion\" and \"label\"");
  }
  preference.first = is_pair ? *std::move(chosen) : *std::move(completion);
  if (is_pair) preference.second = *std::move(rejected);
  if (preference.first.empty() || (is_pair && preference.second.empty())) {
    return invalid("an answer must not be empty");
  }
  if (is_pair && preference.first == preference.second) {
    return invalid("\"chosen\" and \"rejected\" must differ");
  }
  preference.user = user.value_or("");
  preference.is_complete = is_complete.value_or(true);
  return preference;
}

// A pair as a thumb up and a thumb down.
void split_pair(const Preference& pair, std::vector<Preference>& to) {
  to.push_back({pair.prompt, pair.first, "", true, pair.user, pair.is_complete});
  to.push_back({pair.prompt, pair.second, "", false, pair.user, pair.is_complete});
}

std::string prompt_text(const Preference& preference) {
  std::string text;
  for (const Message& message : preference.prompt) {
    text += message.role + '\0' + message.content + '\0';
  }
  return text;
}

// Gives each thumb the answer of a later one with another prompt. The same for every epoch, so that
// the reference's log-probabilities of these can be kept too.
Status mismatch(std::vector<Preference>& thumbs) {
  std::vector<std::string> prompts;
  for (const Preference& thumb : thumbs) prompts.push_back(prompt_text(thumb));
  for (std::size_t i = 0; i < thumbs.size(); ++i) {
    std::size_t other = (i + 1) % thumbs.size();
    while (other != i && prompts[other] == prompts[i]) other = (other + 1) % thumbs.size();
    if (other == i) return invalid("KTO needs answers to at least two different prompts");
    thumbs[i].second = thumbs[other].first;
  }
  return {};
}

class Encoder {
 public:
  Encoder(const Recipe& recipe, const text::Tokenizer& tokenizer, std::uint64_t tokenizer_hash)
      : recipe_(recipe), tokenizer_(tokenizer), tokenizer_hash_(tokenizer_hash) {}

  // Encodes one file, unless that was done before; `form`: what it must be, or nothing to leave it
  // as the lines have it.
  Result<fs::path> encode(const DataSource& source, std::optional<PreferenceForm> form,
                          const PrepareProgress& progress) const {
    KITH_ASSIGN_OR_RETURN(const std::string bytes,
                          base::read_file(source.path, std::size_t{8} << 30));
    const fs::path path = shard_path(source, form, bytes);
    if (PreferenceSet::open(path)) return path;
    progress("encoding " + source.path.string());
    KITH_ASSIGN_OR_RETURN(auto preferences, read(source, bytes, form));
    if (preferences.front().label) {
      auto mixed = mismatch(preferences);
      if (!mixed) return std::move(mixed).error().with_context(source.path.string());
    }
    KITH_RETURN_IF_ERROR(write(preferences, path));
    return path;
  }

 private:
  fs::path shard_path(const DataSource& source, std::optional<PreferenceForm> form,
                      std::string_view bytes) const {
    const std::string option = "preferences:2:" + std::to_string(recipe_.preference.max_tokens) +
                               (form == PreferenceForm::kThumbs ? ":thumbs" : ":as is");
    const std::uint64_t key = base::hash_bytes(option, base::hash_bytes(bytes, tokenizer_hash_));
    return recipe_.output / "cache" /
           (source.path.stem().string() + "-" + base::to_hex(key) + ".tokens");
  }

  Result<std::vector<Preference>> read(const DataSource& source, std::string_view bytes,
                                       std::optional<PreferenceForm> form) const {
    std::vector<Preference> preferences;
    const auto use = [&](const Json& line) -> Result<bool> {
      KITH_ASSIGN_OR_RETURN(auto preference, read_preference(line));
      KITH_RETURN_IF_ERROR(check_length(preference));
      const bool is_pair = !preference.label;
      if (!is_pair && form == PreferenceForm::kPairs) {
        return invalid("method = \"dpo\" needs pairs; for thumbs use \"kto\"");
      }
      if (is_pair && form == PreferenceForm::kThumbs) {
        split_pair(preference, preferences);
        return true;
      }
      if (!preferences.empty() && !preferences.front().label != is_pair) {
        return invalid("a validation file must hold pairs or thumbs, not both");
      }
      preferences.push_back(std::move(preference));
      return true;
    };
    KITH_RETURN_IF_ERROR(for_each_line(source.path, bytes, use));
    if (preferences.empty()) return invalid("holds no preference: " + source.path.string());
    return preferences;
  }

  // The tokens of a prompt with one answer, by the writer that also makes the shard.
  Result<ShardWriter> write_answer(const Preference& preference, const std::string& answer) const {
    KITH_ASSIGN_OR_RETURN(auto writer, ShardWriter::create(tokenizer_, LossOn::kAssistant));
    KITH_RETURN_IF_ERROR(add_answer(writer, preference, answer));
    return writer;
  }

  static Status add_answer(ShardWriter& writer, const Preference& preference,
                           const std::string& answer) {
    Document document{preference.prompt, true};
    document.messages.push_back({"assistant", answer, true, preference.is_complete});
    return writer.add(document);
  }

  Status check_length(const Preference& preference) const {
    for (const std::string* answer : {&preference.first, &preference.second}) {
      if (answer->empty()) continue;
      KITH_ASSIGN_OR_RETURN(const auto writer, write_answer(preference, *answer));
      const auto tokens = static_cast<std::int64_t>(writer.shard().tokens.size());
      if (tokens <= recipe_.preference.max_tokens) continue;
      return invalid("prompt and answer have " + std::to_string(tokens) +
                     " tokens; preference.max_tokens allows " +
                     std::to_string(recipe_.preference.max_tokens));
    }
    return {};
  }

  Status write(const std::vector<Preference>& preferences, const fs::path& path) const {
    KITH_ASSIGN_OR_RETURN(auto writer, ShardWriter::create(tokenizer_, LossOn::kAssistant));
    std::map<std::string, std::size_t> numbers;
    auto users = base::OrderedJson::array();
    auto labels = base::OrderedJson::array();
    for (const Preference& preference : preferences) {
      KITH_RETURN_IF_ERROR(add_answer(writer, preference, preference.first));
      KITH_RETURN_IF_ERROR(add_answer(writer, preference, preference.second));
      // Whose example it is when nobody says so: its own.
      const std::string name =
          preference.user.empty() ? "\n" + std::to_string(users.size()) : preference.user;
      users.push_back(numbers.emplace(name, numbers.size()).first->second);
      if (preference.label) labels.push_back(*preference.label);
    }
    const base::OrderedJson card{{"form", preferences.front().label ? "thumbs" : "pairs"},
                                 {"users", users},
                                 {"labels", labels}};
    KITH_RETURN_IF_ERROR(base::write_file_atomically(preference_card(path), card.dump() + "\n"));
    return writer.shard().save(path);
  }

  const Recipe& recipe_;
  const text::Tokenizer& tokenizer_;
  std::uint64_t tokenizer_hash_;
};

Status save_list(const Recipe& recipe, const PreparedPreferences& prepared) {
  const auto names = [](const std::vector<fs::path>& paths) {
    auto json = base::OrderedJson::array();
    for (const auto& path : paths) json.push_back(path.string());
    return json;
  };
  const base::OrderedJson json{{"data", names(prepared.data)},
                               {"validation", names(prepared.validation)}};
  return base::write_file_atomically(recipe.output / "preferences.json", json.dump(1) + "\n");
}

}  // namespace

Result<PreparedPreferences> prepare_preferences(const Recipe& recipe,
                                                const PrepareProgress& progress) {
  PreparedPreferences prepared;
  Recipe texts = recipe;
  texts.data.clear();
  KITH_ASSIGN_OR_RETURN(prepared.texts, prepare(texts, progress));
  KITH_ASSIGN_OR_RETURN(const auto tokenizer, text::Tokenizer::load(prepared.texts.tokenizer));
  KITH_ASSIGN_OR_RETURN(const std::string bytes,
                        base::read_file(prepared.texts.tokenizer / "tokenizer.json"));
  const Encoder encoder(recipe, tokenizer, base::hash_bytes(bytes));
  const auto form = recipe.preference.method == PreferenceMethod::kDpo ? PreferenceForm::kPairs
                                                                       : PreferenceForm::kThumbs;
  for (const DataSource& source : recipe.data) {
    KITH_ASSIGN_OR_RETURN(auto path, encoder.encode(source, form, progress));
    prepared.data.push_back(std::move(path));
  }
  for (const DataSource& source : recipe.preference.validation) {
    KITH_ASSIGN_OR_RETURN(auto path, encoder.encode(source, std::nullopt, progress));
    prepared.validation.push_back(std::move(path));
  }
  KITH_RETURN_IF_ERROR(save_list(recipe, prepared));
  return prepared;
}

}  // namespace kith::train
