// The bodies of POST /v1/personas/{id}/promote, rollback, try, withdraw, gate and register.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kith/api/error.h"

namespace kith::api {

struct VersionOrder {
  int version = 0;     // >= 1
  std::string reason;  // at most 1,000 bytes
};
// {"version", "reason"?}, for promote and withdraw.
Outcome<VersionOrder> parse_version_order(std::string_view body);
// {"reason"?}; the body may be empty.
Outcome<std::string> parse_rollback(std::string_view body);

struct TrialOrder {
  VersionOrder order;
  bool is_canary = true;  // else a shadow
  double share = 0.1;     // (0, 1]
};
// {"version", "as": "canary"|"shadow", "share"?, "reason"?}
Outcome<TrialOrder> parse_trial_order(std::string_view body);

struct GateResult {
  int version = 0;
  bool passed = false;
  std::string document;  // JSON object
};
// {"version", "passed", "document"}
Outcome<GateResult> parse_gate_result(std::string_view body);

struct RegisterOrder {
  // Name of what was put into DATA/incoming; empty: what a training beside the server has finished.
  std::string incoming;
  std::vector<std::string> parents;  // at most 16
  std::string reason;
};
// {"incoming"?, "parents"?, "reason"?}; parents and reason with `incoming` alone
Outcome<RegisterOrder> parse_register_order(std::string_view body);

}  // namespace kith::api
