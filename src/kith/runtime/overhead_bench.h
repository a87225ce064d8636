// The scenario of `kith bench overhead`: what a chat request costs before the model computes its
// first step, on an installation of many users.
//
// A request goes the server's own way without the socket: route, authentication, admission to a
// worker, parsing, who the user is, persona, documents, history, prompt, tokens, the engine's
// queue. The engine is idle, so that nothing of another request counts.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/runtime/config.h"

namespace kith::runtime {

struct OverheadBench {
  // Stored, besides those of the service-desk example: with attributes, a persona assignment each,
  // and a conversation for every fifth.
  int num_users = 100'000;
  // Of as many users, one after the other.
  int num_requests = 1000;
  // Installations of many users are kept below it, as they take a while to make.
  std::filesystem::path cache;
};

// In the unit of the measurement; 0 if there was none.
struct Percentiles {
  double p50 = 0.0;
  double p99 = 0.0;
  double max = 0.0;
};

struct OverheadResult {
  int num_users = 0;
  // Of the service-desk example, that are searched for each request.
  int num_documents = 0;
  int num_requests = 0;
  // Steps that were left out because they failed or were late.
  int num_degraded = 0;
  // From the bytes of the request to the engine's first step for it.
  Percentiles overhead_ms;
  // Of it, until the generator is asked.
  Percentiles before_generator_ms;
  // Of it, until the engine has the prompt's tokens, and until it begins with them.
  Percentiles encode_ms;
  Percentiles queue_ms;
  // The whole answer.
  Percentiles answer_ms;
  // The pipeline's steps, those after generation too, by name.
  std::map<std::string, Percentiles> steps_ms;
};

// The model is the configured one. Two measurements: without documents, and with those of the
// service-desk example.
// Errors: kUnavailable for a cache that cannot be written; those of Application::create(); that of
//   a request that is not answered.
Result<std::vector<OverheadResult>> bench_overhead(const Config& config,
                                                   const OverheadBench& options);

}  // namespace kith::runtime
