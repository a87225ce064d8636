// Fills a data directory with the service-desk example.
#pragma once

#include <cstdint>
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

// Imports employees, articles and conversations from `example` and copies its personas, the schema
// of its timelines, and the router from the directory `router` if there is one. Repeating it
// changes nothing. Errors: kNotFound without the example; those of the imports; kInvalidArgument if
// a line of the
//   example is bad, with its place.
Result<SeedReport> seed_service_desk(Installation& installation,
                                     const std::filesystem::path& example,
                                     const std::filesystem::path& router = {});

// The example's two years of events, which the user encoder alone reads: beside a server that
// serves already. Users who are not there (any more) get none. A directory that has had them all is
// left alone; after a kill the next call goes on. Returns how many were stored. Errors: kNotFound
// without the example; those of the import; kInvalidArgument for a bad line.
Result<std::int64_t> seed_events(Installation& installation, const std::filesystem::path& example);

}  // namespace kith::runtime
