// The public data that the prompt classifier is measured on, in the layouts of their publishers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/persona/text_classifier.h"

namespace kith::eval {

// One set, parted for an evaluation: what may train and tune, and what is reported on.
struct RouterSet {
  // "tickets", "clinc", "hwu".
  std::string name;
  // An empty label: out of scope.
  std::vector<persona::LabelledText> train;
  std::vector<persona::LabelledText> test;
};

// Reads DIR/it-tickets-endava/tickets.csv (Document, Topic_group; rows without a group skipped),
// DIR/clinc150/*.json (split -> [[text, intent]]) and DIR/hwu64/{train,valid,test}/{seq.in,label}.
// A set whose folder is absent is left out.
//   With `test`: all of DIR trains; of the test directory the splits named "test" are reported on,
//   or all of its texts where none is named so.
//   Without: CLINC150's "val" and HWU64's "valid" are reported on, and of the tickets a fifth of
//   every group, drawn by `seed`.
// Errors: kNotFound if no set is there; kInvalidArgument naming the file and what is wrong with it.
Result<std::vector<RouterSet>> load_router_sets(const std::filesystem::path& data,
                                                const std::optional<std::filesystem::path>& test,
                                                std::uint64_t seed);

}  // namespace kith::eval
