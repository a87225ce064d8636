// What a user's history costs before the first token of an answer: as text, or through the user
// encoder and a bridge.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/result.h"
#include "kith/storage/timeline_store.h"
#include "kith/text/tokenizer.h"

namespace kith::eval {

// The prompt of one user message as training renders it, up to the answer's first token.
std::vector<text::TokenId> prompt_tokens(const text::Tokenizer& tokenizer,
                                         const std::string& message);

// One user's history and what is asked after it.
struct HistoryPrompt {
  std::vector<storage::TimelineEvent> history;
  std::string with_history;  // the message that tells the history as text
  std::string question;      // the message that does not
};

// Times are medians over the prompts, in milliseconds, on one thread; products are multiplications
// with an addition each, counted from the shapes, a mean over the prompts.
struct FirstTokenCost {
  double text_ms = 0.0;
  double text_products = 0.0;
  // From the first event: nothing of the user is held.
  double bridge_ms = 0.0;
  double encoder_ms = 0.0;  // the part of bridge_ms before the language model
  double bridge_products = 0.0;
};

// model, encoder: directories;  bridge: of either type (docs/formats/memory-bridge.md)
// Errors: those of the files and of the passes.
Result<FirstTokenCost> first_token_cost(const std::filesystem::path& model,
                                        const std::filesystem::path& encoder,
                                        const std::filesystem::path& bridge,
                                        const std::vector<HistoryPrompt>& prompts,
                                        const base::Clock& clock);

}  // namespace kith::eval
