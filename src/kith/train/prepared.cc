// The part of prepare.h that needs no text library.
#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/train/prepare.h"

namespace kith::train {
namespace {

Status read_paths(const base::Json& json, const char* key, std::size_t count,
                  std::vector<std::filesystem::path>& to) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_array() || found->size() != count) {
    return Error{ErrorCode::kInvalidArgument,
                 std::string(key) + " does not match the recipe; prepare it again"};
  }
  for (const auto& item : *found) {
    if (!item.is_string()) {
      return Error{ErrorCode::kInvalidArgument, std::string(key) + " must hold strings"};
    }
    to.emplace_back(item.get<std::string>());
  }
  return {};
}

}  // namespace

Result<PreparedData> load_prepared(const Recipe& recipe) {
  const auto path = recipe.output / "prepared.json";
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(path));
  KITH_ASSIGN_OR_RETURN(const base::Json json, base::parse_json(text));
  if (!json.is_object()) {
    return Error{ErrorCode::kInvalidArgument, "must be an object: " + path.string()};
  }
  PreparedData data;
  data.tokenizer = recipe.output / "tokenizer";
  for (const auto& [key, to] : {std::pair{"vocab_size", &data.vocab_size},
                                std::pair{"eos", &data.eos}, std::pair{"pad", &data.pad}}) {
    KITH_ASSIGN_OR_RETURN(const auto value, base::read_integer(json, key));
    if (value) *to = *value;
  }
  KITH_RETURN_IF_ERROR(read_paths(json, "data", recipe.data.size(), data.data));
  KITH_RETURN_IF_ERROR(read_paths(json, "validation", recipe.validation.size(), data.validation));
  return data;
}

}  // namespace kith::train
