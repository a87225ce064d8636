// Imports users, conversations and feedback from JSONL or CSV files (formats:
// storage/record_reader.h). Importing a file twice changes nothing: the second report counts every
// record as unchanged.
//
//   users          {id, attributes{}, consent{purpose: bool}}
//   conversations  {id, user, at, turns: [{role, text, at, rating}]}
//   feedback       {decision, user, kind, value, at, key}
//
// `at` is ISO 8601 text or a number of Unix seconds; absent, the time of the import. Unknown
// members are ignored. Nested attributes become dotted names, lists of values one text with ", "
// between them. In CSV a conversation may also take one row per turn (turns.role, turns.text, ...),
// in order.
#pragma once

#include <filesystem>

#include "kith/base/clock.h"
#include "kith/base/ids.h"
#include "kith/base/result.h"
#include "kith/storage/record_reader.h"
#include "kith/storage/store_set.h"

namespace kith::profile {

struct ImportOptions {
  TenantId tenant{storage::kDefaultTenant};
  // Its `group` is the importer's own.
  storage::RecordOptions records;
};

// Borrows stores and clock. Not thread-safe; several importers may work on one store set.
class Importer {
 public:
  Importer(storage::StoreSet& stores, const base::Clock& clock, ImportOptions options = {});

  // Attributes in the file replace the stored ones; a record without `attributes` leaves them
  // alone. An import may refuse a purpose but never gives consent back that the user has refused.
  // Errors: those of storage::import_records.
  Result<storage::ImportReport> import_users(const std::filesystem::path& file);

  // A conversation that grew gains its new turns; changed ratings are taken over; one whose stored
  // turns differ is a bad line.
  Result<storage::ImportReport> import_conversations(const std::filesystem::path& file);

  // Values are numbers, booleans (1 and 0) or texts. Without `key`, equal records count as one.
  Result<storage::ImportReport> import_feedback(const std::filesystem::path& file);

 private:
  storage::StoreSet& stores_;
  const base::Clock& clock_;
  ImportOptions options_;
};

}  // namespace kith::profile
