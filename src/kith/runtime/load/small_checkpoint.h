// A chat model of a few thousand random weights that can write all of ASCII, so that it takes
// grammars: the tiny seeded checkpoint of model's tests with a longer context and a vocabulary of
// characters. For tests.
#pragma once

#include <filesystem>

#include "kith/base/result.h"

namespace kith::runtime::load {

// Writes it to `dir`, from the Hugging Face directory `tiny`. Errors: those of reading and writing;
// kInvalidArgument if `tiny` has no table of embeddings.
Status write_small_checkpoint(const std::filesystem::path& tiny, const std::filesystem::path& dir,
                              int context);

}  // namespace kith::runtime::load
