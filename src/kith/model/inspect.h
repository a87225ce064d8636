// Whether a checkpoint is whole: every tensor there, of its shape and type, and finite.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/model/config.h"

namespace kith::model {

struct CheckpointReport {
  DecoderConfig config;
  int num_tensors = 0;
  // Of the tensors that the model has.
  std::size_t bytes = 0;
  // Number of values by type, as in "BF16".
  std::map<std::string, std::int64_t> values;
  // One line each; empty if the checkpoint is whole.
  std::vector<std::string> problems;
  // Tensors in the files that the architecture does not have.
  std::vector<std::string> ignored;
};

// How closely to look: at names, types and shapes, or at every value too.
enum class Depth : std::uint8_t { kShapes, kValues };

// Errors: those of load_decoder_config and CheckpointReader::open; what is wrong with a tensor is
// in
//   the report.
Result<CheckpointReport> inspect_checkpoint(const std::filesystem::path& dir, Depth depth);

// For what derives a checkpoint from another: as inspect_checkpoint() with all values, but problems
// are errors. Errors: the above; kInvalidArgument naming the first problem, or if `dir` is
// quantised.
Result<CheckpointReport> check_plain_checkpoint(const std::filesystem::path& dir);

}  // namespace kith::model
