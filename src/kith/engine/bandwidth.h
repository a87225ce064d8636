// How fast this machine reads memory: the limit of decoding at batch 1, measured beside it.
#pragma once

#include <cstddef>
#include <vector>

namespace kith::engine {

// A buffer larger than the caches and a reader of it.
class BandwidthProbe {
 public:
  // `threads` >= 1 read a part each.
  explicit BandwidthProbe(int threads, std::size_t bytes = std::size_t{512} << 20);

  // Reads the buffer once with 1, 4 and 8 streams of loads a thread and returns the best rate, in
  // bytes a second. Call it several times between the measurements that it is compared with.
  double measure() const;

 private:
  int threads_;
  std::vector<unsigned char> buffer_;
};

}  // namespace kith::engine
