// Proposals for personas as documents: JSON for programs, a table for people, and a draft of a
// personas file (docs/formats/personas.md) that an operator finishes.
#pragma once

#include <string>

#include "kith/persona/discovery.h"

namespace kith::persona {

// One object, see docs/guides/discovery.md.
std::string to_json(const Discovery& discovery);

std::string to_table(const Discovery& discovery);

// A personas file that loads: rules from the typical values, no exemplars (what users wrote is
// theirs), and a neutral style card. Proposals that a persona is known for carry its id.
std::string to_toml(const Discovery& discovery);

}  // namespace kith::persona
