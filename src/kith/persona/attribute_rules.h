// What the attributes of a user say about the personas, by the rules of the catalogue.
//
// For an attribute with rules, P(value | persona) = (1 - noise) / |listed| for a value that the
// persona lists, and the noise spread over the other values otherwise; a persona without a rule,
// and "none of these", expect a value that nobody lists, with a larger noise. No probability is
// ever zero, so a stale directory entry never excludes a persona. A value that speaks for a
// temporary persona fades (Persona::attribute_half_life_days). docs/formats/personas.md.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kith/persona/assignment_state.h"
#include "kith/persona/catalogue.h"

namespace kith::persona {

struct AttributeOptions {
  // Chance that a value contradicts a persona that lists others. In (0, 1).
  double noise = 0.06;
  // Chance that a persona without a rule shows a value that others list. In (0, 1).
  double unlisted_noise = 0.3;
};

// Immutable; thread-safe.
class AttributeRules {
 public:
  AttributeRules() = default;
  AttributeRules(const PersonaCatalogue& catalogue, const AttributeOptions& options);

  // Adds what attributes and context say to `log_likelihood`, [num_personas + 1], the last being
  // "none of these", in nats and with mean zero over the personas; and the reasons to `evidence`.
  // What is on the deny list is never looked at.
  void weigh(const UserFacts& facts, std::vector<double>& log_likelihood,
             std::vector<Evidence>& evidence) const;

 private:
  struct Rule {
    // Per value (lower case), which personas list it.
    std::map<std::string, std::vector<bool>> listed_by;
    // Per persona, how many values it lists.
    std::vector<std::size_t> num_listed;
  };
  struct Item {
    const std::string& name;
    const std::string& value;
    std::string_view source;
    base::UnixMicros recorded_at = 0;
    base::UnixMicros now = 0;
  };
  struct Sums {
    std::vector<double>& log_likelihood;
    std::vector<Evidence>& evidence;
  };

  void add_item(const Item& item, const Sums& sums) const;
  void add_value(const Item& item, const Sums& sums) const;
  void add_title(const Item& item, const Sums& sums) const;
  // `values`: [num_personas + 1], scaled by `weight`.
  void add_evidence(std::string_view source, const std::string& detail, std::vector<double> values,
                    double weight, const Sums& sums) const;
  // How much a value still counts that these personas list.
  double weight_of(const std::vector<bool>& owners, const Item& item) const;

  AttributeOptions options_;
  std::vector<PersonaId> personas_;
  std::vector<double> half_life_days_;  // [num_personas]
  std::map<std::string, Rule> rules_;
  // Words of the listed values: word to the personas that list it.
  std::map<std::string, std::vector<bool>> value_words_;
};

}  // namespace kith::persona
