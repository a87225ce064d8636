// The scenario of `kith bench timeline`: what users' embeddings cost in service.
#pragma once

#include <cstdint>

#include "kith/base/result.h"
#include "kith/timeline/event_encoder.h"

namespace kith::timeline {

struct TimelineBench {
  // Events of the history that one more is added to, and how many are added one by one.
  int history = 10'000;
  int added = 1000;
  // Users among whom the nearest ten are looked for, and how often.
  int users = 100'000;
  int searches = 30;
};

struct TimelineResult {
  int width = 0;
  int num_latents = 0;
  int window = 0;
  std::size_t state_bytes = 0;
  // To make the state of the whole history anew.
  double rebuild_ms = 0.0;
  // To carry it on by one event and make the embedding of it.
  double event_ms_p50 = 0.0;
  double event_ms_p99 = 0.0;
  // The same after as few events as the window holds.
  double short_event_ms_p50 = 0.0;
  // To find the nearest.
  double search_ms_p50 = 0.0;
  double search_ms_p99 = 0.0;
};

// Events are drawn from the encoder's own values, by a fixed seed; those that it reads texts of
// have one of six words. Errors: those of EventEncoder. REQUIRES: the encoder has room for two
// states.
Result<TimelineResult> bench_timeline(EventEncoder& encoder, const TimelineBench& options);

}  // namespace kith::timeline
