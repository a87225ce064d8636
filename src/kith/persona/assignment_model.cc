#include "kith/persona/assignment_model.h"

#include <array>
#include <cmath>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/storage/digest.h"

namespace kith::persona {
namespace {

constexpr int kSchema = 1;

struct WeightName {
  const char* name;
  double AssignmentWeights::*member;
  double greatest;
};
constexpr std::array kWeightNames = {
    WeightName{"attributes", &AssignmentWeights::attributes, 10},
    WeightName{"words", &AssignmentWeights::words, 10},
    WeightName{"behaviour", &AssignmentWeights::behaviour, 10},
    WeightName{"attributes_of_none", &AssignmentWeights::attributes_of_none, 10},
    WeightName{"words_of_none", &AssignmentWeights::words_of_none, 10},
    WeightName{"stranger_share", &AssignmentWeights::stranger_share, 0.999},
    WeightName{"unknown_share", &AssignmentWeights::unknown_share, 0.999}};

Error invalid(const std::string& message) { return Error{ErrorCode::kInvalidArgument, message}; }

Result<AssignmentWeights> read_weights(const base::Json& json) {
  if (!json.is_object()) return invalid("weights must be an object");
  AssignmentWeights weights;
  for (const WeightName& entry : kWeightNames) {
    KITH_ASSIGN_OR_RETURN(const auto value, base::read_number(json, entry.name));
    const bool is_share = entry.greatest < 1;
    const double least = is_share ? 0.001 : 0.0;
    if (!value || !(*value >= least && *value <= entry.greatest)) {
      return invalid("weights." + std::string(entry.name) + " must be a number in [" +
                     std::to_string(least) + ", " + std::to_string(entry.greatest) + "]");
    }
    weights.*entry.member = *value;
  }
  return weights;
}

Result<std::map<std::string, double>> read_counts(const base::Json& json, const std::string& name) {
  if (!json.is_object()) return invalid(name + " must be an object");
  std::map<std::string, double> counts;
  for (const auto& [key, value] : json.items()) {
    if (!value.is_number() || !(value.get<double>() >= 0)) {
      return invalid(name + " must hold numbers >= 0");
    }
    counts[key] = value.get<double>();
  }
  return counts;
}

Result<AssignmentModel> read_model(const base::Json& json) {
  if (!json.is_object()) return invalid("must be a JSON object");
  KITH_ASSIGN_OR_RETURN(const auto schema, base::read_integer(json, "schema"));
  if (schema != kSchema) return invalid("schema must be 1");
  AssignmentModel model;
  KITH_ASSIGN_OR_RETURN(const auto hash, base::read_string(json, "data_hash"));
  if (!hash || hash->empty()) return invalid("data_hash is required");
  model.data_hash = *hash;
  KITH_ASSIGN_OR_RETURN(model.weights, read_weights(json.value("weights", base::Json())));
  const base::Json behaviour = json.value("behaviour", base::Json::object());
  if (!behaviour.is_object()) return invalid("behaviour must be an object");
  for (const auto& [persona, counts] : behaviour.items()) {
    KITH_ASSIGN_OR_RETURN(model.behaviour[PersonaId(persona)],
                          read_counts(counts, "behaviour." + persona));
  }
  KITH_ASSIGN_OR_RETURN(model.figures,
                        read_counts(json.value("figures", base::Json::object()), "figures"));
  return model;
}

}  // namespace

std::string data_hash_of(const PersonaCatalogue& catalogue, std::span<const TrainingText> texts) {
  std::string hash;
  const auto add = [&hash](const std::string& text) { hash = storage::digest({hash, text}); };
  // Not the file's text: how a persona is answered has nothing to do with who has it.
  for (const Persona& persona : catalogue.personas()) {
    add(persona.id.str());
    add(std::to_string(persona.attribute_half_life_days));
    for (const auto& [name, values] : persona.attributes) {
      add("attribute " + name);
      for (const std::string& value : values) add("value " + value);
    }
    for (const std::string& exemplar : persona.exemplars) add("exemplar " + exemplar);
  }
  for (const TrainingText& text : texts) {
    hash = storage::digest({hash, text.persona.str(), text.text});
  }
  return hash;
}

Result<AssignmentModel> load_assignment_model(const std::filesystem::path& file) {
  KITH_ASSIGN_OR_RETURN(const std::string bytes, base::read_file(file));
  const auto json = base::parse_json(bytes);
  if (!json) return Error(json.error()).with_context(file.string());
  auto model = read_model(*json);
  if (!model) return std::move(model).error().with_context(file.string());
  return model;
}

Status save_assignment_model(const AssignmentModel& model, const std::filesystem::path& file) {
  base::OrderedJson weights;
  for (const WeightName& entry : kWeightNames) weights[entry.name] = model.weights.*entry.member;
  base::OrderedJson behaviour = base::OrderedJson::object();
  for (const auto& [persona, counts] : model.behaviour) behaviour[persona.str()] = counts;
  const base::OrderedJson json{{"schema", kSchema},
                               {"data_hash", model.data_hash},
                               {"weights", std::move(weights)},
                               {"behaviour", std::move(behaviour)},
                               {"figures", model.figures}};
  return base::write_file_atomically(file, json.dump(1) + "\n");
}

}  // namespace kith::persona
