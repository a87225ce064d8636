// A PEFT directory with a share of its update: the same weights under a smaller alpha.
#pragma once

#include <filesystem>

#include "kith/base/result.h"

namespace kith::tuning {

// Copies the files of `source` to `target`, whose `lora_alpha` and `alpha_pattern` are multiplied
// by `share`; the target appears whole or not at all and replaces an earlier one.
//   share: in (0, 1]
// Errors: kInvalidArgument for a share out of range or a configuration without `lora_alpha`;
//   kNotFound, kUnavailable.
Status write_scaled_adapter(const std::filesystem::path& source, double share,
                            const std::filesystem::path& target);

}  // namespace kith::tuning
