// Who took which items in which order, for the evaluation of the user encoder: files of the kind
// that sequential recommenders are measured on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "kith/base/result.h"

namespace kith::eval {

struct ItemSequences {
  // Of the directory, with "_" for what is no letter or digit.
  std::string name;
  // Whether it comes from a sequences.txt.
  bool is_sequences = false;
  std::size_t num_items = 0;
  // [users]: items in [0, num_items), oldest first; three of them at least.
  std::vector<std::vector<std::int32_t>> users;

  std::size_t num_events() const;
};

// "user item" a line, each user's in order of time, whatever stands between them. Users with fewer
// than three items are left out: one to learn from, one to choose by, one to test.
// Errors: kNotFound; kInvalidArgument naming file and line.
Result<ItemSequences> load_sequences(const std::filesystem::path& file);

// A table of ratings as MovieLens has them (userId, movieId, timestamp), in order of time and then
// of item; the rating itself does not count. Users and items with fewer than five ratings are taken
// out until there are none (5-core).
// Errors: kNotFound; kInvalidArgument naming file and line.
Result<ItemSequences> load_ratings(const std::filesystem::path& file);

// Every */sequences.txt and */ratings.csv under `dir`, in the order of their names; those of
// `dir` itself too. Errors: those of reading; kNotFound if there is no such directory.
Result<std::vector<ItemSequences>> find_item_sequences(const std::filesystem::path& dir);

}  // namespace kith::eval
