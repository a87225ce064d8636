#include "kith/persona/user_terms.h"

#include <algorithm>

#include "kith/text/segment.h"

namespace kith::persona {
namespace {

std::string without_personal_data(std::string text, const text::PiiRedactor& redactor) {
  for (const text::PiiFinding& finding : redactor.find(text)) {
    const auto begin = text.begin() + static_cast<std::ptrdiff_t>(finding.span.begin);
    const auto end = text.begin() + static_cast<std::ptrdiff_t>(finding.span.end);
    std::fill(begin, end, ' ');
  }
  return text;
}

bool says_something(const std::string& word) {
  return word.size() > 1 && std::none_of(word.begin(), word.end(),
                                         [](unsigned char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

void UserTerms::add(const std::vector<std::string>& messages) {
  const std::size_t begin = said_.size();
  for (const std::string& message : messages) {
    for (std::string& word : text::segment_words(without_personal_data(message, redactor_))) {
      if (!says_something(word)) continue;
      const auto next = static_cast<std::uint32_t>(terms_.size());
      const auto [place, is_new] = index_.emplace(word, next);
      if (is_new) terms_.push_back(std::move(word));
      said_.push_back(place->second);
    }
  }
  const auto first = said_.begin() + static_cast<std::ptrdiff_t>(begin);
  std::sort(first, said_.end());
  said_.erase(std::unique(first, said_.end()), said_.end());
  begins_.push_back(said_.size());
}

}  // namespace kith::persona
