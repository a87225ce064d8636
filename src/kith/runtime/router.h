// The router of an installation, and the encoder under it.
#pragma once

#include <filesystem>
#include <memory>

#include "kith/base/result.h"
#include "kith/persona/router.h"
#include "kith/persona/text_encoder.h"
#include "kith/runtime/config.h"

namespace kith::runtime {

// The encoder that ships with Kith. Errors: those of its files.
Result<std::shared_ptr<const persona::TextEncoder>> load_router_encoder();

// The directory of the router: the configured one, or "router" in the data directory if there is
// one; empty: none, or switched off.
std::filesystem::path find_router(const Config& config, const std::filesystem::path& data_dir);

// Null if there is none. Errors: kConflict if it was calibrated on another encoder; those of the
//   files.
Result<std::shared_ptr<const persona::Router>> load_router(const Config& config,
                                                           const std::filesystem::path& data_dir);

}  // namespace kith::runtime
