#include "kith/train/preference_data.h"

#include <algorithm>

#include "kith/base/file.h"
#include "kith/base/json.h"

namespace kith::train {
namespace {

namespace fs = std::filesystem;
using base::Json;

Error invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

Result<Json> read_object(const fs::path& path) {
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(path));
  auto json = base::parse_json(text);
  if (!json) return std::move(json).error().with_context(path.string());
  if (!json->is_object()) return invalid("must be an object: " + path.string());
  return json;
}

Status read_users(const Json& card, std::vector<std::uint32_t>& users) {
  const auto found = card.find("users");
  if (found == card.end() || !found->is_array()) return invalid("users must be an array");
  for (const Json& user : *found) {
    if (!user.is_number_unsigned()) return invalid("users must hold numbers");
    users.push_back(user.get<std::uint32_t>());
  }
  return {};
}

Status read_labels(const Json& card, std::vector<bool>& labels) {
  const auto found = card.find("labels");
  if (found == card.end() || !found->is_array()) return invalid("labels must be an array");
  for (const Json& label : *found) {
    if (!label.is_boolean()) return invalid("labels must hold true or false");
    labels.push_back(label.get<bool>());
  }
  return {};
}

Status read_paths(const Json& json, const char* key, std::size_t count, std::vector<fs::path>& to) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_array() || found->size() != count) {
    return invalid(std::string(key) + " does not match the recipe; prepare it again");
  }
  for (const Json& item : *found) {
    if (!item.is_string()) return invalid(std::string(key) + " must hold strings");
    to.emplace_back(item.get<std::string>());
  }
  return {};
}

}  // namespace

fs::path preference_card(const fs::path& shard) {
  fs::path card = shard;
  return card.replace_extension(".json");
}

Result<PreferenceSet> PreferenceSet::open(const fs::path& path) {
  KITH_ASSIGN_OR_RETURN(auto shard, TokenShard::open(path));
  PreferenceSet set(std::move(shard));
  const fs::path card_path = preference_card(path);
  KITH_ASSIGN_OR_RETURN(const Json card, read_object(card_path));
  const auto here = [&](Error error) { return std::move(error).with_context(card_path.string()); };
  const auto form = base::read_string(card, "form");
  if (!form) return here(form.error());
  if (*form != "pairs" && *form != "thumbs") return here(invalid("form must be pairs or thumbs"));
  set.form_ = *form == "pairs" ? PreferenceForm::kPairs : PreferenceForm::kThumbs;
  if (auto status = read_users(card, set.users_); !status) return here(status.error());
  if (auto status = read_labels(card, set.labels_); !status) return here(status.error());
  const bool has_labels = set.form_ == PreferenceForm::kThumbs;
  if (set.labels_.size() != (has_labels ? set.users_.size() : 0) ||
      set.shard_.num_documents() != 2 * set.users_.size()) {
    return here(invalid("does not fit its token shard; delete both"));
  }
  for (std::size_t i = 0; i < set.shard_.num_documents(); ++i) {
    const auto tokens = set.shard_.document(i);
    const auto counts = [](std::uint32_t token) { return (token & kCountedBit) != 0; };
    if (tokens.size() < 2 || std::none_of(tokens.begin() + 1, tokens.end(), counts)) {
      return here(invalid("document " + std::to_string(i) + " has no answer"));
    }
  }
  return set;
}

Result<PreparedPreferences> load_prepared_preferences(const Recipe& recipe) {
  PreparedPreferences prepared;
  Recipe texts = recipe;
  texts.data.clear();
  KITH_ASSIGN_OR_RETURN(prepared.texts, load_prepared(texts));
  KITH_ASSIGN_OR_RETURN(const Json json, read_object(recipe.output / "preferences.json"));
  KITH_RETURN_IF_ERROR(read_paths(json, "data", recipe.data.size(), prepared.data));
  KITH_RETURN_IF_ERROR(
      read_paths(json, "validation", recipe.preference.validation.size(), prepared.validation));
  return prepared;
}

}  // namespace kith::train
