#include "kith/runtime/load/report.h"

#include <cmath>

#include "kith/base/json.h"

namespace kith::runtime::load {
namespace {

using base::OrderedJson;

// Samples of a report, however long the run was.
constexpr std::size_t kMostSamples = 12;

double rounded(double value) { return std::round(value * 10.0) / 10.0; }

OrderedJson gauge_json(const ProcessGauge& gauge) {
  return {{"resident_mb", rounded(gauge.resident_mb)},
          {"allocated_mb", rounded(gauge.allocated_mb)},
          {"descriptors", gauge.descriptors},
          {"threads", gauge.threads}};
}

OrderedJson samples_json(const std::vector<Sample>& samples) {
  OrderedJson list = OrderedJson::array();
  const std::size_t stride = samples.size() / kMostSamples + 1;
  for (std::size_t i = 0; i < samples.size(); i += stride) {
    const Sample& sample = samples[i];
    OrderedJson entry{{"seconds", std::lround(sample.seconds)}};
    entry.update(gauge_json(sample.process));
    entry["running"] = sample.engine.running;
    entry["waiting"] = sample.engine.waiting;
    entry["kv_blocks_used"] = sample.engine.kv_blocks_used;
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace

std::string to_json(const LoadOptions& options, const Tally& tally, const Findings& findings,
                    const std::vector<Sample>& samples) {
  OrderedJson report{{"command", options.command()},
                     {"failures", tally.num_failures()},
                     {"swaps", findings.num_swaps},
                     {"counts", tally.counts()},
                     {"times_ms", OrderedJson::object()},
                     {"after_warm_up", gauge_json(findings.after_warm_up)},
                     {"at_end", gauge_json(findings.at_end)},
                     {"over_time", samples_json(samples)}};
  for (const auto& [name, times] : tally.times()) {
    report["times_ms"][name] = {{"count", times.count},
                                {"p50", rounded(times.p50_ms)},
                                {"p99", rounded(times.p99_ms)},
                                {"max", rounded(times.max_ms)}};
  }
  return report.dump(1) + "\n";
}

}  // namespace kith::runtime::load
