// What is kept of an assignment, and the texts that teach one.
#include <algorithm>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/member_text.h"
#include "kith/persona/assignment.h"

namespace kith::persona {
namespace {

constexpr int kStateSchema = 1;

Error invalid(const std::string& message) { return Error{ErrorCode::kInvalidArgument, message}; }

Result<TrainingText> read_training_text(const base::Json& json) {
  if (!json.is_object()) return invalid("must be a JSON object");
  KITH_ASSIGN_OR_RETURN(const auto persona, base::read_string(json, "persona"));
  KITH_ASSIGN_OR_RETURN(const auto text, base::read_string(json, "text"));
  if (!persona || !text) return invalid("persona and text are required");
  return TrainingText{PersonaId(*persona), *text};
}

base::Json to_json(const std::vector<Evidence>& evidence) {
  base::Json list = base::Json::array();
  for (const Evidence& item : evidence) {
    list.push_back({{"persona", item.persona.str()},
                    {"source", item.source},
                    {"detail", item.detail},
                    {"weight", item.weight}});
  }
  return list;
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

storage::PersonaAssignment Assigner::to_row(const Assignment& assignment, const WordState& words,
                                            base::UnixMicros at) const {
  storage::PersonaAssignment row;
  row.weights = assignment.weights;
  row.model_version = version_;
  row.at = at;
  base::Json sums = base::Json::object();
  for (const auto& [persona, value] : words.log_odds) sums[persona.str()] = value;
  row.evidence = base::dump_json(base::Json{{"schema", kStateSchema},
                                            {"reasons", to_json(assignment.evidence)},
                                            {"words",
                                             {{"messages", words.num_messages},
                                              {"log_odds", sums},
                                              {"seen", words.seen},
                                              {"reasons", to_json(words.reasons)}}}});
  return row;
}

WordState Assigner::from_row(const storage::PersonaAssignment& row) const {
  if (row.model_version != version_) return {};
  // Most of a row is the reasons, which nobody asks for here.
  const auto text = base::find_member_text(row.evidence, "words");
  if (!text) return {};
  const auto parsed = base::parse_json(*text);
  if (!parsed || !parsed->is_object()) return {};
  const base::Json& words = *parsed;
  if (!words.contains("log_odds") || !words["log_odds"].is_object()) return {};
  WordState state;
  const auto messages = base::read_integer(words, "messages");
  if (messages && *messages) state.num_messages = std::max<std::int64_t>(0, **messages);
  for (const auto& [persona, value] : words["log_odds"].items()) {
    if (!value.is_number()) return {};
    state.log_odds[PersonaId(persona)] = value.get<double>();
  }
  const base::Json seen = words.value("seen", base::Json::array());
  for (const base::Json& hash : seen) {
    if (hash.is_string()) state.seen.push_back(hash.get<std::string>());
  }
  const base::Json reasons = words.value("reasons", base::Json::array());
  if (!reasons.is_array()) return state;
  for (const base::Json& reason : reasons) {
    if (!reason.is_object()) continue;
    const auto persona = base::read_string(reason, "persona");
    const auto detail = base::read_string(reason, "detail");
    const auto weight = base::read_number(reason, "weight");
    if (!persona || !*persona || !detail || !*detail || !weight || !*weight) continue;
    state.reasons.push_back({PersonaId(**persona), "words", **detail, **weight});
  }
  return state;
}

}  // namespace kith::persona
