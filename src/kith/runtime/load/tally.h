// What happened under load: counts by name, times, and what was wrong. For tests.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace kith::runtime::load {

struct Times {
  std::uint64_t count = 0;
  double p50_ms = 0.0;
  double p99_ms = 0.0;
  double max_ms = 0.0;
};

// Thread-safe.
class Tally {
 public:
  void count(const std::string& name, std::uint64_t times = 1);
  void time(const std::string& name, double ms);
  // Keeps the first few, counts all.
  void fail(const std::string& what);

  std::uint64_t total(const std::string& name) const;
  std::uint64_t num_failures() const;
  std::vector<std::string> failures() const;
  std::map<std::string, std::uint64_t> counts() const;
  std::map<std::string, Times> times() const;

 private:
  // By powers of 2^(1/4): memory does not grow with the run.
  struct Histogram {
    std::map<int, std::uint64_t> buckets;
    std::uint64_t count = 0;
    double max = 0.0;
    double quantile(double share) const;
  };

  mutable std::mutex mutex_;
  std::map<std::string, std::uint64_t> counts_;  // guarded by mutex_
  std::map<std::string, Histogram> histograms_;  // guarded by mutex_
  std::vector<std::string> failures_;            // guarded by mutex_
  std::uint64_t num_failures_ = 0;               // guarded by mutex_
};

}  // namespace kith::runtime::load
