#include "kith/persona/classifier_card.h"

#include <algorithm>

#include "kith/base/json.h"
#include "kith/persona/ngram_features.h"
#include "kith/persona/text_classifier.h"

namespace kith::persona {
namespace {

constexpr std::size_t kMaxHidden = 4096;

Error bad_card(const std::string& what) {
  return Error{ErrorCode::kInvalidArgument, std::string(kClassifierCard) + ": " + what};
}

Result<std::int64_t> required_integer(const base::Json& json, const char* key, std::int64_t low,
                                      std::int64_t high) {
  KITH_ASSIGN_OR_RETURN(const auto value, base::read_integer(json, key));
  if (!value || *value < low || *value > high) {
    return bad_card(std::string(key) + " must be in [" + std::to_string(low) + ", " +
                    std::to_string(high) + "]");
  }
  return *value;
}

Result<double> required_number(const base::Json& json, const char* key, double low, double high) {
  KITH_ASSIGN_OR_RETURN(const auto value, base::read_number(json, key));
  if (!value || !(*value >= low && *value <= high)) {
    return bad_card(std::string(key) + " must be a number in [" + base::dump_json(base::Json(low)) +
                    ", " + base::dump_json(base::Json(high)) + "]");
  }
  return *value;
}

Result<std::string> required_hash(const base::Json& json, const char* key) {
  KITH_ASSIGN_OR_RETURN(const auto value, base::read_string(json, key));
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (!value || value->size() != 16 || !std::all_of(value->begin(), value->end(), is_digit)) {
    return bad_card(std::string(key) + " must be 16 hexadecimal digits");
  }
  return *value;
}

Result<std::vector<std::string>> parse_labels(const base::Json& json) {
  const auto it = json.find("labels");
  if (it == json.end() || !it->is_array() || it->size() < 2 || it->size() > kMaxLabels) {
    return bad_card("labels must be a list of 2 to " + std::to_string(kMaxLabels) + " names");
  }
  std::vector<std::string> labels;
  for (const base::Json& label : *it) {
    if (!label.is_string() || label.get_ref<const std::string&>().empty()) {
      return bad_card("labels must be names that are not empty");
    }
    labels.push_back(label.get<std::string>());
  }
  if (std::adjacent_find(labels.begin(), labels.end(), std::greater_equal<>()) != labels.end()) {
    return bad_card("labels must be sorted and different");
  }
  return labels;
}

Result<ClassifierCard> read_sizes(const base::Json& json, ClassifierCard card) {
  KITH_ASSIGN_OR_RETURN(const auto dimensions,
                        required_integer(json, "encoder_dimensions", 0, kMaxDimensions));
  KITH_ASSIGN_OR_RETURN(const auto members, required_integer(json, "members", 1, kMaxMembers));
  KITH_ASSIGN_OR_RETURN(const auto hidden, required_integer(json, "hidden", 0, kMaxHidden));
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  KITH_ASSIGN_OR_RETURN(const auto texts, required_integer(json, "texts", 0, kMost));
  KITH_ASSIGN_OR_RETURN(const auto outside, required_integer(json, "texts_out_of_scope", 0, kMost));
  KITH_ASSIGN_OR_RETURN(const auto seed, required_integer(json, "seed", INT64_MIN, INT64_MAX));
  card.encoder_dimensions = static_cast<std::size_t>(dimensions);
  card.members = static_cast<std::size_t>(members);
  card.hidden = static_cast<std::size_t>(hidden);
  card.num_texts = static_cast<std::size_t>(texts);
  card.num_out_of_scope = static_cast<std::size_t>(outside);
  card.seed = static_cast<std::uint64_t>(seed);
  return card;
}

}  // namespace

std::string to_json(const ClassifierCard& card) {
  base::OrderedJson json{{"schema", kClassifierSchema},
                         {"kind", "prompt classifier"},
                         {"features", kNgramFeaturesVersion},
                         {"encoder", card.encoder_hash},
                         {"encoder_dimensions", card.encoder_dimensions},
                         {"version", card.version},
                         {"data_hash", card.data_hash},
                         {"texts", card.num_texts},
                         {"texts_out_of_scope", card.num_out_of_scope},
                         {"seed", static_cast<std::int64_t>(card.seed)},
                         {"members", card.members},
                         {"hidden", card.hidden},
                         {"scope_output", card.scope_output},
                         {"temperature", card.scale.temperature},
                         {"curvature", card.scale.curvature},
                         {"threshold", card.threshold},
                         {"metrics", card.metrics},
                         {"labels", card.labels}};
  return json.dump(2, ' ', false, base::OrderedJson::error_handler_t::replace) + "\n";
}

Result<ClassifierCard> parse_card(std::string_view text) {
  auto parsed = base::parse_json(text);
  if (!parsed) return bad_card(parsed.error().message);
  const base::Json& json = *parsed;
  if (!json.is_object()) return bad_card("must be a JSON object");
  KITH_ASSIGN_OR_RETURN(const auto schema, base::read_integer(json, "schema"));
  if (schema != kClassifierSchema) {
    return bad_card("schema must be " + std::to_string(kClassifierSchema));
  }
  KITH_ASSIGN_OR_RETURN(const auto features, base::read_string(json, "features"));
  if (features != kNgramFeaturesVersion) {
    return Error{ErrorCode::kConflict,
                 std::string(kClassifierCard) + ": made for other features of texts than \"" +
                     std::string(kNgramFeaturesVersion) + "\"; recalibrate it (kith train router)"};
  }
  KITH_ASSIGN_OR_RETURN(ClassifierCard card, read_sizes(json, {}));
  KITH_ASSIGN_OR_RETURN(card.labels, parse_labels(json));
  KITH_ASSIGN_OR_RETURN(card.encoder_hash, required_hash(json, "encoder"));
  KITH_ASSIGN_OR_RETURN(card.version, required_hash(json, "version"));
  KITH_ASSIGN_OR_RETURN(card.data_hash, required_hash(json, "data_hash"));
  KITH_ASSIGN_OR_RETURN(const double temperature, required_number(json, "temperature", 0.01, 100));
  KITH_ASSIGN_OR_RETURN(const double threshold, required_number(json, "threshold", -1e9, 1e9));
  card.scale.temperature = static_cast<float>(temperature);
  // Cards of before there were curvatures have none.
  if (json.contains("curvature")) {
    KITH_ASSIGN_OR_RETURN(const double curvature, required_number(json, "curvature", 0, 100));
    card.scale.curvature = static_cast<float>(curvature);
  }
  card.threshold = static_cast<float>(threshold);
  // Nor have they this.
  KITH_ASSIGN_OR_RETURN(const auto scope_output, base::read_bool(json, "scope_output"));
  card.scope_output = scope_output.value_or(false);
  const auto metrics = json.find("metrics");
  if (metrics != json.end()) {
    if (!metrics->is_object()) return bad_card("metrics must be an object");
    for (const auto& [name, value] : metrics->items()) {
      if (!value.is_number()) return bad_card("metrics must be numbers");
      card.metrics[name] = value.get<double>();
    }
  }
  return card;
}

}  // namespace kith::persona
