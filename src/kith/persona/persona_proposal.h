// A group of users as a proposal for a persona: what it shares, without who says it.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kith/base/ids.h"
#include "kith/persona/attribute_block.h"
#include "kith/persona/user_terms.h"

namespace kith::persona {

struct TypicalTerm {
  std::string term;
  std::size_t users = 0;
  double z = 0.0;  // log_odds.h
};

struct TypicalValue {
  std::string attribute;
  std::string value;
  bool is_word = false;  // of a longer value
  std::size_t users = 0;
  // Of those in the group, and in all groups, who have the attribute; in [0, 1].
  double share = 0.0;
  double share_of_all = 0.0;
  double z = 0.0;  // log_odds.h
};

struct PersonaOverlap {
  PersonaId persona;
  std::size_t users = 0;  // at least the floor
  // Common users over the users of either, in [0, 1].
  double jaccard = 0.0;
};

struct PersonaProposal {
  std::size_t users = 0;
  std::vector<TypicalTerm> terms;    // strongest first
  std::vector<TypicalValue> values;  // strongest first
  std::vector<PersonaOverlap> overlaps;
  // The persona of the catalogue that it shares more than half of both's users with; empty: new.
  PersonaId known_as;
  std::vector<UserId> nearest;  // clearest first; options.num_nearest
};

// What the descriptions are made of: users by their numbers.
struct GroupedUsers {
  std::span<const std::optional<std::size_t>> group_of;
  std::size_t num_groups = 0;
  // Fewest users behind anything that is shown.
  std::size_t floor = 10;
};

// Each sets its part of the proposals, which are as many as the groups.
void describe_by_terms(const GroupedUsers& users, const UserTerms& terms, std::size_t max_terms,
                       std::vector<PersonaProposal>& proposals);
void describe_by_values(const GroupedUsers& users, const std::vector<AttributeUse>& attributes,
                        std::size_t max_values, std::vector<PersonaProposal>& proposals);
// personas: of the catalogue, empty for users who have none
void compare_with_personas(const GroupedUsers& users, std::span<const PersonaId> personas,
                           std::vector<PersonaProposal>& proposals);

}  // namespace kith::persona
