// What the user and Kith said to each other lately, in other conversations, as context for the next
// answer.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

#include "kith/base/result.h"
#include "kith/storage/conversation_store.h"

namespace kith::memory {

struct RecentOptions {
  // Left out: its turns come with the request.
  ConversationId current{};
  // Turns older than this are left out, in Unix microseconds.
  base::UnixMicros not_before = 0;
  std::size_t max_turns = 12;
  // Most that the turns may cost together.
  std::size_t budget = 2'000;
  // Cost of a text in the budget's unit; empty: its characters. A tokenizer's count fits here.
  std::function<std::size_t(std::string_view)> cost{};
};

// The newest turns that fit, oldest first. An answer comes only with the question before it, and no
// turn is cut. Thread-safe. Errors: those of the store.
Result<std::vector<storage::TurnRow>> recent_turns(storage::ConversationStore& conversations,
                                                   const storage::Scope& scope,
                                                   const RecentOptions& options);

}  // namespace kith::memory
