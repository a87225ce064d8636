#include "kith/persona/training_text.h"

#include <algorithm>
#include <string_view>

#include "kith/base/file.h"
#include "kith/base/json.h"

namespace kith::persona {
namespace {

Error invalid(const std::string& message) { return Error{ErrorCode::kInvalidArgument, message}; }

Result<TrainingText> read_training_text(const base::Json& json) {
  if (!json.is_object()) return invalid("must be a JSON object");
  KITH_ASSIGN_OR_RETURN(const auto persona, base::read_string(json, "persona"));
  KITH_ASSIGN_OR_RETURN(const auto text, base::read_string(json, "text"));
  if (!persona || !text) return invalid("persona and text are required");
  return TrainingText{PersonaId(*persona), *text};
}

}  // namespace

Result<std::vector<TrainingText>> load_training_texts(const std::filesystem::path& file) {
  KITH_ASSIGN_OR_RETURN(const std::string bytes, base::read_file(file));
  std::vector<TrainingText> texts;
  std::size_t line_number = 0;
  for (std::size_t start = 0; start < bytes.size();) {
    const std::size_t end = std::min(bytes.find('\n', start), bytes.size());
    const std::string_view line(bytes.data() + start, end - start);
    start = end + 1;
    ++line_number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string place = file.string() + ":" + std::to_string(line_number);
    auto json = base::parse_json(line);
    if (!json) return std::move(json).error().with_context(place);
    auto text = read_training_text(*json);
    if (!text) return std::move(text).error().with_context(place);
    texts.push_back(*std::move(text));
  }
  return texts;
}

}  // namespace kith::persona
