// An installation of many made-up users for measurements.
#pragma once

#include <filesystem>

#include "kith/base/ids.h"
#include "kith/base/result.h"

namespace kith::runtime {

// The i-th of the made-up users, from 0.
UserId bench_user(int index);

// A data directory below `cache` with the service-desk example (documents, personas, employees) and
// `num_users` made-up users: attributes for each, a persona assignment, and a conversation of four
// turns for every fifth. Made if it is not there, which takes some ten seconds for 100,000; appears
// whole or not at all.
// Errors: kUnavailable; those of seed_service_desk().
Result<std::filesystem::path> cached_installation(int num_users,
                                                  const std::filesystem::path& cache);

}  // namespace kith::runtime
