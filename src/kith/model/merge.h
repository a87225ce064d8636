// Adds an adapter into the weights of its base: `kith model merge`. The result is a plain Hugging
// Face checkpoint that any program loads.
#pragma once

#include <filesystem>
#include <optional>

#include "kith/base/result.h"
#include "kith/tensor/dtype.h"

namespace kith::model {

struct MergeOptions {
  // kF32 or kBf16; empty: kF32 for a base in f32, else kBf16.
  std::optional<tensor::DType> dtype;
  // Whether an older model in the target's place is replaced.
  bool replace = false;
};

// Writes W + scale * B A for every matrix that the adapter changes, and the rest as it is, in one
// type, to the new directory `target`, with the base's tokenizer. The sums are made in f32. A tied
// head stays tied.
// Errors: those of check_plain_checkpoint and Adapter::load; kInvalidArgument for another type;
//   kConflict if `target` exists; kUnavailable.
Status merge_adapter(const std::filesystem::path& base, const std::filesystem::path& adapter,
                     const std::filesystem::path& target, const MergeOptions& options = {});

}  // namespace kith::model
