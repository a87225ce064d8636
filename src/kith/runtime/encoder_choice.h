// Which user encoder an installation serves, and how it is read.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "kith/base/clock.h"
#include "kith/base/result.h"
#include "kith/runtime/installation.h"
#include "kith/timeline/event_encoder.h"

namespace kith::runtime {

// Where the encoder lies: `configured`, else the version that the registry lets serve (`kith embed
// promote`); empty: there is none.
// Errors: those of the store; kConflict if the version's files have changed.
Result<std::filesystem::path> find_user_encoder(Installation& installation,
                                                const std::string& configured);

// Reads it with the text encoder that it was trained on, if it reads texts: the one in
// `text_encoder`, the built-in one if that is empty. The clock is borrowed.
// Errors: those of EventEncoder::load() and load_text_encoder().
Result<std::unique_ptr<timeline::EventEncoder>> load_user_encoder(
    const std::filesystem::path& dir, const std::filesystem::path& text_encoder,
    const base::Clock& clock, timeline::EventEncoderOptions options = {});

// Registers the encoder in `shipped` as the installation's first version and lets it serve; nothing
// is done where a version stands already.
// Errors: kNotFound for a missing file; those of the registry.
Status seed_user_encoder(Installation& installation, const std::filesystem::path& shipped);

}  // namespace kith::runtime
