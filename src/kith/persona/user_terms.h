// Which words each user has said, each once, so that nobody's habit of repeating counts.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "kith/text/pii.h"

namespace kith::persona {

// Words are those of text::segment_words() without digits and without single letters. What looks
// like personal data, names among it, is cut out before. Not thread-safe.
class UserTerms {
 public:
  // The redactor must outlive it.
  explicit UserTerms(const text::PiiRedactor& redactor) : redactor_(redactor) {}

  // The next user.
  void add(const std::vector<std::string>& messages);

  std::size_t num_terms() const { return terms_.size(); }
  const std::string& term(std::size_t index) const { return terms_[index]; }
  // Indices of the user's terms, in order.
  std::span<const std::uint32_t> of_user(std::size_t user) const {
    return std::span(said_).subspan(begins_[user], begins_[user + 1] - begins_[user]);
  }

 private:
  const text::PiiRedactor& redactor_;
  std::unordered_map<std::string, std::uint32_t> index_;
  std::vector<std::string> terms_;
  std::vector<std::uint32_t> said_;
  std::vector<std::size_t> begins_{0};
};

}  // namespace kith::persona
