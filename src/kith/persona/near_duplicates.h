// Finds texts that are nearly the same as earlier ones.
//
// Method: MinHash signatures of the sets of three-word shingles (Broder 1997), looked up by bands
// (locality-sensitive hashing; Indyk and Motwani 1998), and of the texts found so the exact Jaccard
// similarity. With 32 bands of 4 rows a pair of similarity 0.8 is missed once in ten million times,
// and no pair below the threshold is ever reported. Lee et al. 2022 show what duplicates do to
// language models: they are learned by heart.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace kith::persona {

// Not thread-safe. The same on every machine.
class NearDuplicates {
 public:
  // threshold: Jaccard similarity from which two texts count as the same, in (0, 1].
  explicit NearDuplicates(double threshold) : threshold_(threshold) {}

  struct Match {
    // Number of the earlier text, counted over the calls that found nothing.
    std::size_t earlier = 0;
    double similarity = 0.0;
  };

  // The first earlier text that is as similar, or no value; then the text is remembered. Linear in
  // the text, and in what it is compared with.
  std::optional<Match> add(std::string_view text);

 private:
  static constexpr std::size_t kBands = 32;
  static constexpr std::size_t kRows = 4;

  std::array<std::uint64_t, kBands> band_keys(const std::vector<std::uint64_t>& shingles) const;

  double threshold_;
  // Sorted hashes of the shingles of each text that is kept.
  std::vector<std::vector<std::uint64_t>> texts_;
  // Band and signature to texts.
  std::unordered_map<std::uint64_t, std::vector<std::size_t>> buckets_;
};

// |a and b| / |a or b| of the sets of three-word shingles, 1 for two texts without words.
double shingle_similarity(std::string_view a, std::string_view b);

}  // namespace kith::persona
