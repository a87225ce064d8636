// The thread that matrix products run on. Each thread that calls them gets a team of compute
// threads of its own, and two teams on the same cores slow each other down; so everything that
// computes posts its work to one ComputeThread: the engine's where there is an engine, else one of
// its own.
#pragma once

#include <functional>
#include <memory>

namespace kith::engine {

// Thread-safe.
class ComputeThread {
 public:
  virtual ~ComputeThread() = default;

  // Runs `work` on the thread, after what was posted before. Work that was accepted does run, at
  // the latest when the thread ends. It must not throw and should take no longer than a step of the
  // engine, tens of milliseconds: answers in the making wait for it.
  // Returns false, without taking the work, once the thread is ending.
  virtual bool post(std::function<void()> work) = 0;
};

// A thread for nothing else. Destruction runs what was accepted and joins it.
std::unique_ptr<ComputeThread> make_compute_thread();

}  // namespace kith::engine
