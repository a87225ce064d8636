// What a bridge's directory holds (docs/formats/memory-bridge.md), and whether it can be used here.
// Internal to cli.
#pragma once

#include <filesystem>

#include "kith/base/json.h"
#include "kith/base/result.h"
#include "kith/runtime/config.h"

namespace kith::cli {

// Whether there is a bridge_config.json.
bool is_bridge(const std::filesystem::path& dir);

// Reads it whole, every value: for the configured model, or for an upstream. What users' memories
// must be like is among the members. Errors: those of model::load_decoder_config(),
// model::load_bridge() and model::SoftPromptBridge::load().
Result<base::OrderedJson> describe_bridge(const runtime::Config& config,
                                          const std::filesystem::path& dir);

}  // namespace kith::cli
