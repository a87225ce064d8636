// adapter_config.json of a PEFT LoRA: what of it decides the computation.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"
#include "kith/model/module_pattern.h"

namespace kith::model {

struct AdapterConfig {
  int rank = 8;
  double alpha = 8.0;
  // Scale by alpha / sqrt(rank) instead of alpha / rank (Kalajdzievski 2023).
  bool use_rslora = false;
  // Exceptions by module. PEFT before 0.14 looks both up by the first key of either that matches;
  // here, as since, each is looked up for itself.
  ModuleNumbers rank_pattern;
  ModuleNumbers alpha_pattern;
  // Members of the file that Kith does not know. Later versions of PEFT add harmless ones.
  std::vector<std::string> ignored_keys;

  // Errors of both: those of ModulePattern::matches().
  Result<int> rank_of(std::string_view module) const;
  // Factor of B A x for a module of that rank.
  Result<double> scale_of(std::string_view module, int module_rank) const;
};

// Errors: kInvalidArgument naming what is unsupported or impossible.
Result<AdapterConfig> parse_adapter_config(std::string_view json_text);

}  // namespace kith::model
