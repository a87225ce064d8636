// Words and characters of a text as numbers: what a linear text classifier reads.
//
// Words are runs of letters and digits after NFKC and in lower case, as are single Han and kana.
// Features are words, pairs of neighbouring words, and runs of 2 to 5 characters inside a word
// with a space at both of its ends ("_p", "pr", .., "inter_"), each named by 64 bits of a hash of
// its characters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kith::persona {

// Of a longer text, the first and the last half of this many bytes count: what it asks for stands
// there, and a prompt costs no more than so much time.
inline constexpr std::size_t kMaxClassifiedBytes = 768;

// The same of what an encoder reads: the gist of a text needs less, and each of its features costs
// an encoder more.
inline constexpr std::size_t kMaxEncodedBytes = 512;

// Part of what names a classifier's or an encoder's features: a change of them changes it.
inline constexpr std::string_view kNgramFeaturesVersion = "words-1-2 characters-2-5 v1";
inline constexpr std::string_view kEncoderFeaturesVersion = "words-1-2 characters-2-5 512 bytes v2";

// One group is normalised by itself, so that neither drowns the other.
enum class FeatureGroup : std::uint8_t { kWords, kCharacters };

// Names a feature. Its lowest bit is its group.
using FeatureHash = std::uint64_t;

inline FeatureGroup group_of(FeatureHash hash) {
  return (hash & 1U) == 0 ? FeatureGroup::kWords : FeatureGroup::kCharacters;
}

// `text`, of one longer than `most_bytes` its beginning and its end, its words in lower case with a
// space before and after each
// (" reset my password "); one space if there are none. Any bytes are taken.
std::string fold_text(std::string_view text, std::size_t most_bytes = kMaxClassifiedBytes);

// The features of folded text, those that occur more than once as often as they do. Linear in it.
void append_ngrams(std::string_view folded, std::vector<FeatureHash>& features);

}  // namespace kith::persona
