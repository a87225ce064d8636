// Who belongs to a persona when its model is trained.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "kith/base/ids.h"
#include "kith/base/result.h"
#include "kith/persona/assignment.h"
#include "kith/storage/store_set.h"

namespace kith::persona {

struct Member {
  UserId user;
  PersonaId persona;
  // Belongs to the part that no version ever trains on.
  bool is_held_out = false;

  friend bool operator==(const Member&, const Member&) = default;
};

// The users of a tenant that have a persona, in the order of their ids: by the stored assignment,
// or, of users that have none yet, by their attributes and what they wrote, as a request would
// assign them. Who is not sure enough (AssignerOptions::threshold) belongs to none.
// Users without consent to personalisation are not assigned; they are left out.
// Errors: those of the stores.
Result<std::vector<Member>> assigned_members(storage::StoreSet& stores,
                                             const storage::TenantScope& scope,
                                             const Assigner& assigner);

// Members from a file of records, JSONL or CSV, {"id","persona","split"?}: for evaluations, where
// the truth is known. Users whose split is "test" are held out. In the order of their ids.
// Errors: kNotFound; kInvalidArgument with the place of the first bad line, or naming a user who
// stands there twice.
Result<std::vector<Member>> load_members(const std::filesystem::path& file);

}  // namespace kith::persona
