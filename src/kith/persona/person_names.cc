#include "kith/persona/person_names.h"

#include <algorithm>
#include <array>

namespace kith::persona {
namespace {

constexpr std::size_t kPage = 500;

// As directories call them.
constexpr std::array kNameAttributes = std::to_array<std::string_view>(
    {"name", "full_name", "fullname", "display_name", "displayname", "manager", "assistant"});
constexpr std::array kFirstNames =
    std::to_array<std::string_view>({"first_name", "firstname", "given_name", "givenname"});
constexpr std::array kLastNames =
    std::to_array<std::string_view>({"last_name", "lastname", "family_name", "surname"});

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view attribute) {
  return std::find(names.begin(), names.end(), attribute) != names.end();
}

template <std::size_t N>
std::string attribute_of(const storage::Attributes& attributes,
                         const std::array<std::string_view, N>& names) {
  for (const std::string_view name : names) {
    const auto found = attributes.find(std::string(name));
    if (found != attributes.end()) return found->second;
  }
  return {};
}

}  // namespace

bool is_name_attribute(std::string_view attribute) {
  return is_one_of(kNameAttributes, attribute) || is_one_of(kFirstNames, attribute) ||
         is_one_of(kLastNames, attribute);
}

void add_person_names(const storage::Attributes& attributes, std::vector<std::string>& names) {
  for (const std::string_view attribute : kNameAttributes) {
    const auto found = attributes.find(std::string(attribute));
    if (found != attributes.end()) names.push_back(found->second);
  }
  const std::string first = attribute_of(attributes, kFirstNames);
  const std::string last = attribute_of(attributes, kLastNames);
  if (!first.empty() || !last.empty()) names.push_back(first + " " + last);
}

Result<std::vector<std::string>> all_person_names(storage::StoreSet& stores,
                                                  const storage::TenantScope& scope) {
  std::vector<std::string> names;
  for (UserId after;;) {
    KITH_ASSIGN_OR_RETURN(const auto users, stores.users().list(scope, after, kPage));
    for (const storage::UserRow& user : users) add_person_names(user.attributes, names);
    if (users.size() < kPage) return names;
    after = users.back().id;
  }
}

}  // namespace kith::persona
