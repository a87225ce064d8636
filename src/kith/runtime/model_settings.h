// What the settings say about the own models: where they are and how they are held. Everything that
// loads one (the server, benches, the doctor) asks here, so that all load the same.
#pragma once

#include <filesystem>

#include "kith/model/decoder.h"
#include "kith/model/encoder.h"
#include "kith/runtime/config.h"

namespace kith::runtime {

// The configured directory, or the built-in model's.
std::filesystem::path model_directory(const Config& config);

// REQUIRES: `config` from ConfigLoader::finish(), which admits known types only.
model::DecoderOptions decoder_options(const Config& config);
// The same for the embedding model in config.embedding.model.
model::EncoderOptions encoder_options(const Config& config);

}  // namespace kith::runtime
