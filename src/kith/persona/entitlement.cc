#include "kith/persona/entitlement.h"

#include <array>
#include <string_view>
#include <utility>

namespace kith::persona {
namespace {

// Attributes that name groups of documents, several separated by commas, semicolons or spaces.
constexpr std::array<std::string_view, 4> kGroupAttributes = {"role", "roles", "group", "groups"};

void add_groups(std::string_view text, std::vector<std::string>& groups) {
  std::string group;
  for (const char c : std::string(text) + ",") {
    const bool ends = c == ',' || c == ';' || c == ' ';
    if (!ends) group.push_back(c);
    if (ends && !group.empty()) groups.push_back(std::exchange(group, {}));
  }
}

}  // namespace

Entitlement entitle(const Assigner* assigner, const storage::Attributes& attributes) {
  Entitlement entitlement;
  if (assigner != nullptr) {
    const PersonaId id = assigner->assign_by_attributes(attributes).persona;
    if (const Persona* persona = assigner->catalogue().find_persona(id)) {
      entitlement.queue_class = persona->priority;
      entitlement.groups = persona->knowledge;
    }
  }
  for (const std::string_view name : kGroupAttributes) {
    const auto it = attributes.find(std::string(name));
    if (it != attributes.end()) add_groups(it->second, entitlement.groups);
  }
  return entitlement;
}

}  // namespace kith::persona
