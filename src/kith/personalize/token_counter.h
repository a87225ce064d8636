// How many tokens texts have, with a memory for those that come again.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "kith/personalize/ports.h"

namespace kith::personalize {

// Thread-safe.
class TokenCounter {
 public:
  // `generator` is borrowed.
  explicit TokenCounter(const Generator& generator) : generator_(generator) {}

  std::size_t count(std::string_view text) const { return generator_.count_tokens(text); }
  // The same for a text that many requests bring: a system message, a style card, a passage. Up to
  // 16 MiB of them are kept; then all are forgotten.
  std::size_t count_recurring(std::string_view text);

 private:
  // So that a view can be looked up.
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  const Generator& generator_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> counts_;
};

}  // namespace kith::personalize
