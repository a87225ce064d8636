// Finds the names of known people in text.
//
// A full name counts in any case and in both orders ("Turner, Jonas"); of its parts alone, those
// that are no common words, written with a capital ("Turner", but not "Mark" or "Field"). Names in
// Han characters count wherever they stand, as text has no spaces there.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace kith::text {

// Immutable; thread-safe.
class PiiNames {
 public:
  PiiNames() = default;
  explicit PiiNames(const std::vector<std::string>& names);

  // Bytes of the name that begins at `position`, 0 if none does. The caller asks at beginnings of
  // words (in Han text anywhere). Bounded work.
  std::size_t match_at(std::string_view text, std::size_t position) const;

 private:
  void add(const std::string& name);

  // Words in lower case, joined by spaces.
  std::unordered_set<std::string> full_;
  std::unordered_set<std::string> parts_;
  std::unordered_set<std::string> han_;
  std::size_t most_words_ = 0;
};

}  // namespace kith::text
