// adapter_config.json of a PEFT LoRA: what of it decides the computation.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"

namespace kith::model {

struct AdapterConfig {
  int rank = 8;
  double alpha = 8.0;
  // Scale by alpha / sqrt(rank) instead of alpha / rank (Kalajdzievski 2023).
  bool use_rslora = false;
  // Exceptions by module: a module path, the end of one after a dot, or "^" and a whole path.
  std::map<std::string, double> rank_pattern;
  std::map<std::string, double> alpha_pattern;
  // Members of the file that Kith does not know. Later versions of PEFT add harmless ones.
  std::vector<std::string> ignored_keys;

  int rank_of(std::string_view module) const;
  // Factor of B A x for a module of that rank.
  double scale_of(std::string_view module, int module_rank) const;
};

// Errors: kInvalidArgument naming what is unsupported or impossible.
Result<AdapterConfig> parse_adapter_config(std::string_view json_text);

}  // namespace kith::model
