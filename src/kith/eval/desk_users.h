// The users of the service-desk example as discovery sees them, beside the truth that it does not
// see.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/persona/user_block.h"

namespace kith::eval {

struct DeskUser {
  persona::DiscoveryUser user;
  std::string persona;  // hidden
  bool is_test = false;
};

// Those who refused neither personalisation nor learning, in the order of employees.jsonl, with
// what they wrote.
// Errors: kNotFound, kInvalidArgument naming file and line.
Result<std::vector<DeskUser>> load_desk_users(const std::filesystem::path& example);

}  // namespace kith::eval
