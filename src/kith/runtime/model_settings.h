// What the settings say about the own model: where it is and how it is held. Everything that loads
// it (the server, benches, the doctor) asks here, so that all load the same.
#pragma once

#include <filesystem>

#include "kith/model/decoder.h"
#include "kith/runtime/config.h"

namespace kith::runtime {

// The configured directory, or the built-in model's.
std::filesystem::path model_directory(const Config& config);

// REQUIRES: `config` from ConfigLoader::finish(), which admits known types only.
model::DecoderOptions decoder_options(const Config& config);

}  // namespace kith::runtime
