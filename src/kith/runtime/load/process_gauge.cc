#include "kith/runtime/load/process_gauge.h"

#include <malloc.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace kith::runtime::load {
namespace {

constexpr double kMegabyte = 1 << 20;

// The number behind "Name:" in /proc/self/status.
double status_number(const std::string& name) {
  std::ifstream file("/proc/self/status");
  std::string word;
  while (file >> word) {
    double number = 0.0;
    if (word == name + ":" && file >> number) return number;
  }
  return 0.0;
}

std::size_t count_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  // The listing has one of its own.
  return static_cast<std::size_t>(std::distance(begin(all), end(all))) - 1;
}

}  // namespace

ProcessGauge read_process_gauge() {
  const auto heap = ::mallinfo2();
  return {.resident_mb = status_number("RssAnon") / 1024.0,
          .allocated_mb = static_cast<double>(heap.uordblks + heap.hblkhd) / kMegabyte,
          .descriptors = count_descriptors(),
          .threads = static_cast<std::size_t>(status_number("Threads"))};
}

ProcessGauge read_trimmed_gauge() {
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
  ::malloc_trim(0);
#endif
  return read_process_gauge();
}

bool has_sanitizer() {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  return true;
#else
  return false;
#endif
}

}  // namespace kith::runtime::load
