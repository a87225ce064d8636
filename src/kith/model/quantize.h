// Quantises a checkpoint once, so that it is mapped at start: `kith model quantize`. The result is
// a directory of its own; docs/formats/quantized.md describes it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>

#include "kith/base/result.h"
#include "kith/tensor/int8_layout.h"

namespace kith::model {

struct QuantizeOptions {
  // Empty: the one in which this CPU computes.
  std::optional<tensor::Int8Layout> layout;
  // Whether an older model in the target's place is replaced.
  bool replace = false;
};

struct QuantizeReport {
  tensor::Int8Layout layout = tensor::Int8Layout::kRows;
  // Of all tensors, before and after.
  std::size_t source_bytes = 0;
  std::size_t bytes = 0;
};

// Writes the int8 form of the checkpoint `source` to the new directory `target`, with its tokenizer
// and, if it has any, its adapters. A decoder loaded from it gives, bit for bit, the logits of one
// loaded from `source` with int8 weights.
// Errors: those of check_plain_checkpoint; kConflict if `target` exists; kUnavailable.
Result<QuantizeReport> quantize_checkpoint(const std::filesystem::path& source,
                                           const std::filesystem::path& target,
                                           const QuantizeOptions& options = {});

}  // namespace kith::model
