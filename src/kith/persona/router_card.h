// What was calibrated for a router, as a file: router.json. The format: docs/formats/router.md.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "kith/base/result.h"
#include "kith/persona/router.h"

namespace kith::persona {

// What router.json holds.
struct RouterCard {
  RouterSettings settings;
  // Of the texts that it was trained on (storage/digest.h), and how many.
  std::string data_hash;
  std::size_t num_texts = 0;
  // What the training measured, by name.
  std::map<std::string, double> figures;

  friend bool operator==(const RouterCard&, const RouterCard&);
};

// Errors: kInvalidArgument naming the member and what is allowed.
Result<RouterCard> parse_router_card(std::string_view json);
// Lines for people; parse_router_card() gives the same card back.
std::string to_json(const RouterCard& card);

}  // namespace kith::persona
