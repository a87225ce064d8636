#include "kith/persona/persona_proposal.h"

#include <algorithm>
#include <map>

#include "kith/persona/log_odds.h"

namespace kith::persona {
namespace {

// One chance in forty that a word as common everywhere is shown.
constexpr double kMinZ = 1.96;
// From this overlap on a group is a persona that is there already.
constexpr double kSamePersona = 0.5;

// How many users of each group, and of all of them, have each item.
struct ItemCounts {
  std::vector<std::vector<std::size_t>> by_group;
  std::vector<std::size_t> all;

  ItemCounts(std::size_t num_groups, std::size_t num_items)
      : by_group(num_groups, std::vector<std::size_t>(num_items)), all(num_items) {}

  void add(std::size_t group, std::size_t item) {
    ++by_group[group][item];
    ++all[item];
  }
};

double share(std::size_t part, std::size_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

// Those of one attribute.
void describe_by_attribute(const GroupedUsers& users, const AttributeUse& attribute,
                           std::vector<PersonaProposal>& proposals) {
  const std::size_t other = attribute.values.size();
  ItemCounts counts(users.num_groups, other + 1);
  std::vector<std::size_t> holders(users.num_groups);
  std::size_t all_holders = 0;
  for (std::size_t user = 0; user < users.group_of.size(); ++user) {
    const auto group = users.group_of[user];
    if (!group || attribute.users[user].empty()) continue;
    ++holders[*group];
    ++all_holders;
    for (const auto& [value, weight] : attribute.users[user]) counts.add(*group, value);
  }
  for (std::size_t g = 0; g < users.num_groups; ++g) {
    for (const auto& [item, z] :
         find_distinguishing(counts.by_group[g], counts.all, users.floor, kMinZ)) {
      if (item == other) continue;
      proposals[g].values.push_back({.attribute = attribute.name,
                                     .value = attribute.values[item],
                                     .is_word = attribute.by_words,
                                     .users = counts.by_group[g][item],
                                     .share = share(counts.by_group[g][item], holders[g]),
                                     .share_of_all = share(counts.all[item], all_holders),
                                     .z = z});
    }
  }
}

}  // namespace

void describe_by_terms(const GroupedUsers& users, const UserTerms& terms, std::size_t max_terms,
                       std::vector<PersonaProposal>& proposals) {
  ItemCounts counts(users.num_groups, terms.num_terms());
  for (std::size_t user = 0; user < users.group_of.size(); ++user) {
    if (!users.group_of[user]) continue;
    for (const std::uint32_t term : terms.of_user(user)) counts.add(*users.group_of[user], term);
  }
  for (std::size_t g = 0; g < users.num_groups; ++g) {
    for (const auto& [item, z] :
         find_distinguishing(counts.by_group[g], counts.all, users.floor, kMinZ)) {
      if (proposals[g].terms.size() == max_terms) break;
      proposals[g].terms.push_back({terms.term(item), counts.by_group[g][item], z});
    }
  }
}

void describe_by_values(const GroupedUsers& users, const std::vector<AttributeUse>& attributes,
                        std::size_t max_values, std::vector<PersonaProposal>& proposals) {
  for (const AttributeUse& attribute : attributes) {
    describe_by_attribute(users, attribute, proposals);
  }
  for (PersonaProposal& proposal : proposals) {
    std::stable_sort(proposal.values.begin(), proposal.values.end(),
                     [](const auto& a, const auto& b) { return a.z > b.z; });
    if (proposal.values.size() > max_values) proposal.values.resize(max_values);
  }
}

void compare_with_personas(const GroupedUsers& users, std::span<const PersonaId> personas,
                           std::vector<PersonaProposal>& proposals) {
  std::map<PersonaId, std::vector<std::size_t>> common;
  std::map<PersonaId, std::size_t> totals;
  for (std::size_t user = 0; user < personas.size(); ++user) {
    if (personas[user].empty()) continue;
    ++totals[personas[user]];
    auto& counts = common[personas[user]];
    counts.resize(users.num_groups);
    if (users.group_of[user]) ++counts[*users.group_of[user]];
  }
  for (const auto& [persona, counts] : common) {
    for (std::size_t g = 0; g < users.num_groups; ++g) {
      if (counts[g] < users.floor) continue;
      const std::size_t either = totals[persona] + proposals[g].users - counts[g];
      proposals[g].overlaps.push_back({persona, counts[g], share(counts[g], either)});
    }
  }
  for (PersonaProposal& proposal : proposals) {
    std::stable_sort(proposal.overlaps.begin(), proposal.overlaps.end(),
                     [](const auto& a, const auto& b) { return a.jaccard > b.jaccard; });
    const bool is_known =
        !proposal.overlaps.empty() && proposal.overlaps.front().jaccard > kSamePersona;
    if (is_known) proposal.known_as = proposal.overlaps.front().persona;
  }
}

}  // namespace kith::persona
