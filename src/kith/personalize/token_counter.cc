#include "kith/personalize/token_counter.h"

namespace kith::personalize {
namespace {

constexpr std::size_t kMaxTexts = 1024;
constexpr std::size_t kMaxTextBytes = 16 << 10;

}  // namespace

std::size_t TokenCounter::count_recurring(std::string_view text) {
  if (text.size() > kMaxTextBytes) return count(text);
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = counts_.find(text); found != counts_.end()) return found->second;
  }
  const std::size_t tokens = count(text);
  const std::lock_guard lock(mutex_);
  // All at once: what really recurs is back soon.
  if (counts_.size() >= kMaxTexts) counts_.clear();
  counts_.emplace(text, tokens);
  return tokens;
}

}  // namespace kith::personalize
