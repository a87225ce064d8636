// What a request says about the model: adapters by name or number, and rows before the prompt.
// Chats and plain completions say it in the same words. Internal to server.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kith/api/error.h"
#include "kith/api/kith_request.h"
#include "kith/api/sampling_fields.h"
#include "kith/personalize/ports.h"

namespace kith::server {

using NamedAdapters = std::optional<std::vector<personalize::AdapterShare>>;

// Whether `name` means the base model: its own name, one of the aliases "kith" and "default", or
// nothing.
bool is_base_model(const personalize::GeneratorCapabilities& capabilities, std::string_view name);

// The adapters that `model` (vLLM's way) or `lora` (llama-server's) name; absent if neither does.
// An empty list, or scales of 0 alone, mean that none shall be used. Absent for generators without
// adapters, whose upstream reads both itself.
//   accepts_any: an unknown name in `model` means the base model
// Errors: 404 with the code model_not_found if `model` is none of the own engine's; 400 naming an
//   id in `lora` that is not loaded; 400 if both name adapters.
api::Outcome<NamedAdapters> find_named_adapters(
    const personalize::Generator& generator, const std::string& model,
    const std::optional<std::vector<api::LoraScale>>& lora, bool accepts_any);

// Null without rows. Errors: 400 with the param `kith.soft_prompt`.
api::Outcome<std::shared_ptr<const personalize::SoftPrompt>> read_soft_prompt(
    const personalize::Generator& generator, std::optional<api::KithSoftPrompt> rows);

}  // namespace kith::server
