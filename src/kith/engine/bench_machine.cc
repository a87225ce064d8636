#include "kith/engine/bench_machine.h"

#include <fstream>
#include <string>
#include <thread>

namespace kith::engine {
namespace {

// The value of a line "name: value" of a file below /proc; empty without it.
std::string proc_value(const char* path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(name)) continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::size_t value = line.find_first_not_of(" \t", colon + 1);
    return value == std::string::npos ? std::string() : line.substr(value);
  }
  return {};
}

std::size_t status_bytes(const std::string& name) {
  const std::string value = proc_value("/proc/self/status", name);  // "123 kB"
  return value.empty() ? 0 : std::stoull(value) << 10;
}

}  // namespace

BenchMachine describe_machine() {
  std::string isa;
  const auto add = [&isa](bool has, const char* name) {
    if (has) isa += (isa.empty() ? "" : ",") + std::string(name);
  };
  add(__builtin_cpu_supports("avx512bf16"), "avx512_bf16");
  add(__builtin_cpu_supports("avx512vnni"), "avx512_vnni");
  add(__builtin_cpu_supports("avx512f"), "avx512f");
  add(__builtin_cpu_supports("avx2"), "avx2");
  const std::string cpu = proc_value("/proc/cpuinfo", "model name");
  return {.cpu = cpu.empty() ? "unknown" : cpu,
          .cores = static_cast<int>(std::thread::hardware_concurrency()),
          .isa = isa};
}

std::size_t resident_bytes() { return status_bytes("VmRSS"); }
std::size_t peak_resident_bytes() { return status_bytes("VmHWM"); }

}  // namespace kith::engine
