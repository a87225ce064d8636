// Log-probabilities under the reference of preference tuning, computed once and kept in a file.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>

#include "kith/base/result.h"
#include "kith/train/decoder.h"
#include "kith/train/preference_data.h"
#include "kith/train/recipe.h"

namespace kith::train {

// Names everything that the reference's scores depend on beside the data: the bytes of the base
// model and of the adapter that it starts from, and how it is computed.
// Errors: those of the files.
Result<std::uint64_t> reference_key(const Recipe& recipe);

// Scores of a set's first and second answers under `decoder` as it stands, from `cache` if they
// were computed before for the same data and key.
//   returns: [examples, 2] float, summed over tokens
// Errors: kUnavailable when the file cannot be written. A file that is damaged is made again.
Result<torch::Tensor> reference_scores(const Decoder& decoder, const PreferenceSet& set,
                                       const std::filesystem::path& shard, std::uint64_t key,
                                       const Recipe& recipe, std::int64_t pad);

}  // namespace kith::train
