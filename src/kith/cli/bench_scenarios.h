// The scenarios of `kith bench`, each a name, what it runs, and its figures as JSON.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kith/base/json.h"
#include "kith/base/result.h"
#include "kith/runtime/config.h"

namespace kith::cli {

// Absent members take the scenario's own default.
struct BenchArguments {
  std::vector<int> batches{1, 8, 16};
  std::vector<int> lengths{128, 512};
  std::vector<int> adapters{0, 1, 5};
  int registered = 0;
  std::optional<int> context;
  std::optional<int> users;
  std::optional<int> steps;
  std::optional<int> rounds;
  std::optional<int> requests;
  // Name of a public shape whose random checkpoint stands for the configured model; may be empty.
  std::string shape;
  // Where such checkpoints and large installations are kept.
  std::filesystem::path cache;
};

// What every scenario begins with.
struct BenchSetting {
  runtime::Config config;
  BenchArguments arguments;
};

struct BenchScenario {
  const char* name;
  const char* description;
  // A list of objects, one a measurement.
  Result<base::OrderedJson> (*run)(const BenchSetting& setting);
};

std::span<const BenchScenario> bench_scenarios();

}  // namespace kith::cli
