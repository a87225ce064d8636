// How hard a text is to read, by counting.
//
// Method: Flesch-Kincaid grade level (Kincaid et al. 1975),
//   0.39 * words / sentences + 11.8 * syllables / words - 15.59,
// a school grade for English: 5 is plain, 12 the end of school, 16 academic. Syllables are counted
// by groups of vowels. For Chinese, where it does not apply, use the mean length of sentences.
#pragma once

#include <cstddef>
#include <string_view>

namespace kith::text {

struct TextStatistics {
  std::size_t sentences = 0;
  // Words written with letters or digits between spaces or marks.
  std::size_t words = 0;
  // Of those words; at least one each.
  std::size_t syllables = 0;
  // Han and kana.
  std::size_t unspaced_characters = 0;

  // Words plus unspaced characters a sentence; 0 for an empty text.
  double mean_sentence_length() const;
  // May be negative for very short words and sentences; 0 without words.
  double flesch_kincaid_grade() const;
};

// Linear in the text.
TextStatistics measure_text(std::string_view text);

// Syllables of one English word, at least 1.
std::size_t count_syllables(std::string_view word);

}  // namespace kith::text
