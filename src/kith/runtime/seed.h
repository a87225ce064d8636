// Fills a data directory with the service-desk example.
#pragma once

#include <filesystem>

#include "kith/base/result.h"
#include "kith/runtime/installation.h"
#include "kith/storage/record_reader.h"

namespace kith::runtime {

struct SeedReport {
  storage::ImportReport users;
  storage::ImportReport knowledge;
  storage::ImportReport conversations;
};

// Imports employees, articles and conversations from `example` and copies its personas, and the
// router from the directory `router` if there is one. Repeating it changes nothing. Errors:
// kNotFound without the example; those of the imports; kInvalidArgument if a line of the
//   example is bad, with its place.
Result<SeedReport> seed_service_desk(Installation& installation,
                                     const std::filesystem::path& example,
                                     const std::filesystem::path& router = {});

}  // namespace kith::runtime
