// Which attributes of a directory hold names of people.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"
#include "kith/storage/scope.h"
#include "kith/storage/store_set.h"

namespace kith::persona {

// "name", "full_name", "manager", "surname", ...; compared as they are written.
bool is_name_attribute(std::string_view attribute);

// Adds the names that the attributes hold; a first and a last name are joined.
void add_person_names(const storage::Attributes& attributes, std::vector<std::string>& names);

// The names of everybody whom the tenant knows, also of those who take part in nothing: what is
// written may name anybody. Errors: those of the stores.
Result<std::vector<std::string>> all_person_names(storage::StoreSet& stores,
                                                  const storage::TenantScope& scope);

}  // namespace kith::persona
