// The stores on one SQLite file: write-ahead log, synchronous=FULL (a commit survives a power cut),
// foreign keys, secure_delete. One connection writes, behind a mutex; a second one reads, so that a
// search does not wait for writes.
#pragma once

#include <filesystem>
#include <memory>

#include "kith/base/result.h"
#include "kith/storage/store_set.h"

namespace kith::storage {

struct SqliteOptions {
  // How long a call waits for another process's lock before kUnavailable.
  int busy_timeout_ms = 5000;
  // Whether a write that returned success survives a crash of the machine (synchronous=FULL). Only
  // for a file that is thrown away if filling it does not come to an end.
  bool is_durable = true;
};

// Opens or creates the file (mode 0600) and brings its schema to this program's version.
// Errors: kConflict if the schema is newer than this program, kInvalidArgument if the file is not a
//   database, kUnavailable if it cannot be opened.
Result<std::unique_ptr<StoreSet>> open_sqlite(const std::filesystem::path& file,
                                              const SqliteOptions& options = {});

}  // namespace kith::storage
