// The log of a service desk's incidents (UCI "Incident management process enriched event log"): who
// called when about what.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/result.h"

namespace kith::eval {

// One incident; what the log does not know ("?") is empty. Each value is the first that it had.
struct Incident {
  std::string number;
  std::string caller;
  base::UnixMicros opened_at = 0;
  // Known when the call is taken.
  std::string opened_by;
  std::string contact_type;
  std::string location;
  // Filled in afterwards.
  std::string category;
  std::string subcategory;
  std::string symptom;
  std::string priority;
  std::string group;
};

// Incidents with a caller and a time, in order of time and then of number, from a CSV file with a
// line for each change of an incident; also compressed by gzip.
// Errors: kNotFound; kInvalidArgument naming the file.
Result<std::vector<Incident>> load_incidents(const std::filesystem::path& file);

// DIR/itsm-incident-log/events.csv.gz or events.csv; empty if there is neither.
std::filesystem::path find_incidents(const std::filesystem::path& dir);

}  // namespace kith::eval
