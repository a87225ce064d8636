#include "kith/runtime/load/tally.h"

#include <algorithm>
#include <cmath>

namespace kith::runtime::load {
namespace {

constexpr std::size_t kKeptFailures = 20;

}  // namespace

void Tally::count(const std::string& name, std::uint64_t times) {
  const std::lock_guard lock(mutex_);
  counts_[name] += times;
}

void Tally::time(const std::string& name, double ms) {
  const int bucket = static_cast<int>(std::ceil(4.0 * std::log2(std::max(ms, 1e-3))));
  const std::lock_guard lock(mutex_);
  Histogram& histogram = histograms_[name];
  ++histogram.buckets[bucket];
  ++histogram.count;
  histogram.max = std::max(histogram.max, ms);
}

void Tally::fail(const std::string& what) {
  const std::lock_guard lock(mutex_);
  ++num_failures_;
  if (failures_.size() < kKeptFailures) failures_.push_back(what);
}

std::uint64_t Tally::total(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(name);
  return found == counts_.end() ? 0 : found->second;
}

std::uint64_t Tally::num_failures() const {
  const std::lock_guard lock(mutex_);
  return num_failures_;
}

std::vector<std::string> Tally::failures() const {
  const std::lock_guard lock(mutex_);
  return failures_;
}

std::map<std::string, std::uint64_t> Tally::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

double Tally::Histogram::quantile(double share) const {
  const double wanted = share * static_cast<double>(count);
  double seen = 0.0;
  for (const auto& [bucket, times] : buckets) {
    seen += static_cast<double>(times);
    if (seen >= wanted) return std::min(max, std::exp2(bucket / 4.0));
  }
  return max;
}

std::map<std::string, Times> Tally::times() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, Times> times;
  for (const auto& [name, histogram] : histograms_) {
    times[name] = {histogram.count, histogram.quantile(0.5), histogram.quantile(0.99),
                   histogram.max};
  }
  return times;
}

}  // namespace kith::runtime::load
