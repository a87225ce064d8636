// From what a consumer asks for to what the engine takes: parts that chats and plain completions
// share. Internal to runtime.
#pragma once

#include <memory>
#include <vector>

#include "kith/engine/engine.h"
#include "kith/model/soft_prompt.h"
#include "kith/personalize/ports.h"

namespace kith::runtime {

engine::SamplingParams to_engine(const personalize::SamplingParams& from);

// Lets the rows stand before the first of `tokens` (as PEFT's prompt tuning does), and returns them
// in the engine's form; null without rows. Errors: kInvalidArgument naming `kith.soft_prompt`.
Result<std::shared_ptr<const model::SoftPrompt>> put_before(
    const std::shared_ptr<const personalize::SoftPrompt>& rows, std::vector<text::TokenId>& tokens);

// What an answer that did not end well is for the caller.
Status to_status(const engine::Finish& finish);

}  // namespace kith::runtime
