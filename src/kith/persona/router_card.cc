#include "kith/persona/router_card.h"

#include <array>
#include <cmath>
#include <utility>

#include "kith/base/json.h"

namespace kith::persona {
namespace {

constexpr int kSchema = 1;

// In the order of BorderFeature.
constexpr std::array<const char*, kNumBorderFeatures> kFeatureNames = {
    "paragraph",     "line",          "sentence",       "semicolon",     "clause",
    "weak_linker",   "strong_linker", "starts_request", "ends_question", "refers_back",
    "case_changes",  "is_short",      "contrast",       "confidence",    "abstains",
    "whole_is_sure", "both_ask",      "clause_request"};
// Files of before there were more have these alone.
constexpr std::size_t kNumFirstFeatures = 16;

struct NumberMember {
  const char* name;
  double RouterSettings::*value;
};

constexpr std::array kNumbers = {
    NumberMember{"text_weight", &RouterSettings::text_weight},
    NumberMember{"profile_weight", &RouterSettings::profile_weight},
    NumberMember{"outweighs", &RouterSettings::outweighs},
    NumberMember{"profile_floor", &RouterSettings::profile_floor},
    NumberMember{"threshold", &RouterSettings::threshold},
    NumberMember{"blend_threshold", &RouterSettings::blend_threshold},
    NumberMember{"out_of_scope", &RouterSettings::out_of_scope},
    NumberMember{"split_threshold", &RouterSettings::split_threshold},
};

Error invalid(const std::string& what) { return Error{ErrorCode::kInvalidArgument, what}; }

Result<double> require_number(const base::Json& object, const char* name) {
  KITH_ASSIGN_OR_RETURN(const auto number, base::read_number(object, name));
  if (!number || !std::isfinite(*number)) {
    return invalid(std::string(name) + " must be a finite number");
  }
  return *number;
}

Result<std::string> require_text(const base::Json& object, const char* name) {
  KITH_ASSIGN_OR_RETURN(const auto text, base::read_string(object, name));
  if (!text || text->empty()) return invalid(std::string(name) + " must be a text");
  return *text;
}

Status read_borders(const base::Json& json, BorderFeatures& weights) {
  const auto borders = json.find("border_weights");
  if (borders == json.end() || !borders->is_object()) {
    return invalid("border_weights must be an object");
  }
  for (std::size_t i = 0; i < kNumBorderFeatures; ++i) {
    if (i >= kNumFirstFeatures && !borders->contains(kFeatureNames[i])) continue;
    auto weight = require_number(*borders, kFeatureNames[i]);
    if (!weight) return std::move(weight).error().with_context("border_weights");
    weights[i] = *weight;
  }
  return {};
}

Status read_figures(const base::Json& json, std::map<std::string, double>& figures) {
  const auto member = json.find("figures");
  if (member == json.end()) return {};
  if (!member->is_object()) return invalid("figures must be an object of numbers");
  for (const auto& [name, value] : member->items()) {
    if (!value.is_number()) return invalid("figures must be an object of numbers");
    figures[name] = value.get<double>();
  }
  return {};
}

}  // namespace

bool operator==(const RouterCard& a, const RouterCard& b) {
  for (const NumberMember& member : kNumbers) {
    if (a.settings.*member.value != b.settings.*member.value) return false;
  }
  return a.settings.scorer_hash == b.settings.scorer_hash &&
         a.settings.border_weights == b.settings.border_weights && a.data_hash == b.data_hash &&
         a.num_texts == b.num_texts && a.figures == b.figures;
}

Result<RouterCard> parse_router_card(std::string_view text) {
  KITH_ASSIGN_OR_RETURN(const base::Json json, base::parse_json(text));
  if (!json.is_object()) return invalid("a router's card must be an object");
  KITH_ASSIGN_OR_RETURN(const auto schema, base::read_integer(json, "schema"));
  if (schema != kSchema) return invalid("schema must be " + std::to_string(kSchema));
  RouterCard card;
  KITH_ASSIGN_OR_RETURN(card.settings.scorer_hash, require_text(json, "scorer_hash"));
  for (const NumberMember& member : kNumbers) {
    KITH_ASSIGN_OR_RETURN(card.settings.*member.value, require_number(json, member.name));
  }
  KITH_RETURN_IF_ERROR(read_borders(json, card.settings.border_weights));
  KITH_ASSIGN_OR_RETURN(card.data_hash, require_text(json, "data_hash"));
  KITH_ASSIGN_OR_RETURN(const auto num_texts, base::read_integer(json, "num_texts"));
  if (!num_texts || *num_texts < 0) return invalid("num_texts must be a number >= 0");
  card.num_texts = static_cast<std::size_t>(*num_texts);
  KITH_RETURN_IF_ERROR(read_figures(json, card.figures));
  return card;
}

std::string to_json(const RouterCard& card) {
  base::OrderedJson json = {{"schema", kSchema},
                            {"scorer_hash", card.settings.scorer_hash},
                            {"data_hash", card.data_hash},
                            {"num_texts", card.num_texts}};
  for (const NumberMember& member : kNumbers) json[member.name] = card.settings.*member.value;
  for (std::size_t i = 0; i < kNumBorderFeatures; ++i) {
    json["border_weights"][kFeatureNames[i]] = card.settings.border_weights[i];
  }
  json["figures"] = base::OrderedJson::object();
  for (const auto& [name, value] : card.figures) json["figures"][name] = value;
  return json.dump(1) + "\n";
}

}  // namespace kith::persona
