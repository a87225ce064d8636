// What a run of the load suite is told, by environment variables. For tests.
#pragma once

#include <cstdint>
#include <string>

#include "kith/base/result.h"

namespace kith::runtime::load {

struct LoadOptions {
  // KITH_LOAD_SECONDS: of random load, warm-up included; >= 1.
  int seconds = 15;
  // KITH_LOAD_SEED: of every client's choices. Which request meets which is left to the machine.
  std::uint64_t seed = 1;
  // KITH_LOAD_CLIENTS: people at once, in [1, 256].
  int clients = 40;
  // KITH_LOAD_MODEL: "small" (see small_checkpoint.h), "builtin", or a directory.
  std::string model = "small";
  // KITH_LOAD_THREADS: compute threads; 0 takes all cores. One by default: a team whose members
  // have to share their cores with other programs waits for itself most of the time.
  int threads = 1;
  // KITH_LOAD_PATIENCE: seconds after which an answer counts as lost.
  int patience = 60;
  // KITH_LOAD_REPORT: a file for the report; empty prints it alone.
  std::string report;

  // What starts this run again.
  std::string command() const;
};

// Errors: kInvalidArgument naming a variable that is out of range.
Result<LoadOptions> read_load_options();

}  // namespace kith::runtime::load
