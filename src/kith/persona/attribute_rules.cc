#include "kith/persona/attribute_rules.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "kith/persona/denied_words.h"
#include "kith/persona/fading.h"
#include "kith/text/segment.h"

namespace kith::persona {
namespace {

// Weights below this explain nothing.
constexpr double kMinReason = 0.05;

// Free text about a job: its words are compared with the words of the listed values.
constexpr std::array<std::string_view, 4> kTitleAttributes = {"title", "job_title", "jobtitle",
                                                              "position"};

std::string to_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// In an English title the last noun says what somebody is ("Executive Assistant"), or the one
// before "of" ("Head of Quality"); the words around it only say where.
std::size_t find_head_word(const std::vector<std::string>& words) {
  const auto of = std::find(words.begin(), words.end(), "of");
  if (of != words.end() && of != words.begin()) {
    return static_cast<std::size_t>(of - words.begin()) - 1;
  }
  return words.empty() ? 0 : words.size() - 1;
}

bool is_title(std::string_view name) {
  return std::find(kTitleAttributes.begin(), kTitleAttributes.end(), name) !=
         kTitleAttributes.end();
}

}  // namespace

AttributeRules::AttributeRules(const PersonaCatalogue& catalogue, const AttributeOptions& options)
    : options_(options) {
  const auto& personas = catalogue.personas();
  for (std::size_t k = 0; k < personas.size(); ++k) {
    personas_.push_back(personas[k].id);
    half_life_days_.push_back(personas[k].attribute_half_life_days);
    for (const auto& [name, values] : personas[k].attributes) {
      Rule& rule = rules_[to_lower(name)];
      rule.num_listed.resize(personas.size());
      for (const std::string& value : values) {
        auto& owners = rule.listed_by[to_lower(value)];
        owners.resize(personas.size());
        if (!owners[k]) ++rule.num_listed[k];
        owners[k] = true;
        for (const std::string& word : text::segment_words(value)) {
          auto& listed_by = value_words_[word];
          listed_by.resize(personas.size());
          listed_by[k] = true;
        }
      }
    }
  }
}

void AttributeRules::weigh(const UserFacts& facts, std::vector<double>& log_likelihood,
                           std::vector<Evidence>& evidence) const {
  const Sums sums{log_likelihood, evidence};
  for (const auto& [name, value] : facts.attributes) {
    if (facts.context.contains(name)) continue;
    const auto time = facts.recorded_at.find(name);
    const base::UnixMicros at = time == facts.recorded_at.end() ? facts.now : time->second;
    add_item({name, value, "attribute", at, facts.now}, sums);
  }
  for (const auto& [name, value] : facts.context) {
    add_item({name, value, "context", facts.now, facts.now}, sums);
  }
}

// The catalogue has no rule for a name on the deny list.
void AttributeRules::add_item(const Item& item, const Sums& sums) const {
  if (item.value.empty()) return;
  const std::string name = to_lower(item.name);
  const bool has_rule = rules_.contains(name);
  if ((!has_rule && !is_title(name)) || holds_denied_word(item.value)) return;
  const Item lowered{name, item.value, item.source, item.recorded_at, item.now};
  if (has_rule) {
    add_value(lowered, sums);
  } else {
    add_title(lowered, sums);
  }
}

double AttributeRules::weight_of(const std::vector<bool>& owners, const Item& item) const {
  double weight = 1.0;
  for (std::size_t k = 0; k < owners.size(); ++k) {
    if (owners[k]) weight = std::min(weight, fade(item.recorded_at, item.now, half_life_days_[k]));
  }
  return weight;
}

void AttributeRules::add_value(const Item& item, const Sums& sums) const {
  const Rule& rule = rules_.at(item.name);
  const auto listed_by = rule.listed_by.find(to_lower(item.value));
  const bool is_listed = listed_by != rule.listed_by.end();
  // One more value stands for all that nobody lists.
  const double num_values = static_cast<double>(rule.listed_by.size() + 1);
  const double by_chance =
      is_listed ? options_.unlisted_noise / (num_values - 1) : 1 - options_.unlisted_noise;
  std::vector<double> values(personas_.size() + 1, std::log(by_chance));
  for (std::size_t k = 0; k < personas_.size(); ++k) {
    const auto num_listed = static_cast<double>(rule.num_listed[k]);
    if (rule.num_listed[k] == 0) continue;
    const bool is_own = is_listed && listed_by->second[k];
    values[k] = std::log(is_own ? (1 - options_.noise) / num_listed
                                : options_.noise / (num_values - num_listed));
  }
  // A value that nobody lists says who the user is not; it is named without being quoted.
  const std::string detail =
      is_listed ? item.name + "=" + item.value : item.name + " is none of those listed";
  add_evidence(item.source, detail, std::move(values),
               is_listed ? weight_of(listed_by->second, item) : 1.0, sums);
}

void AttributeRules::add_title(const Item& item, const Sums& sums) const {
  const std::vector<std::string> words = text::segment_words(item.value);
  const std::size_t head = find_head_word(words);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto owners = value_words_.find(words[i]);
    if (owners == value_words_.end()) continue;
    std::vector<double> values(personas_.size() + 1, std::log(options_.unlisted_noise));
    for (std::size_t k = 0; k < personas_.size(); ++k) {
      values[k] = std::log(owners->second[k] ? 1 - options_.noise : options_.noise);
    }
    const double weight = (i == head ? 1.0 : 0.25) * weight_of(owners->second, item);
    add_evidence(item.source, item.name + "~" + words[i], std::move(values), weight, sums);
  }
}

void AttributeRules::add_evidence(std::string_view source, const std::string& detail,
                                  std::vector<double> values, double weight,
                                  const Sums& sums) const {
  const double mean = std::accumulate(values.begin(), values.end() - 1, 0.0) /
                      static_cast<double>(values.size() - 1);
  for (std::size_t k = 0; k < values.size(); ++k) {
    const double value = weight * (values[k] - mean);
    sums.log_likelihood[k] += value;
    if (std::abs(value) < kMinReason) continue;
    const PersonaId id = k < personas_.size() ? personas_[k] : PersonaId(kNoPersona);
    sums.evidence.push_back({id, std::string(source), detail, value});
  }
}

}  // namespace kith::persona
