#include "kith/persona/near_duplicates.h"

#include <algorithm>
#include <limits>
#include <string>

#include "kith/base/fingerprint.h"
#include "kith/text/segment.h"

namespace kith::persona {
namespace {

constexpr std::size_t kShingleWords = 3;

// Finaliser of SplitMix64: FNV alone leaves neighbours close, which MinHash must not see.
std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL;
  return value ^ (value >> 31);
}

// Sorted, each once. A text of fewer words is one shingle.
std::vector<std::uint64_t> shingles_of(std::string_view text) {
  const std::vector<std::string> words = text::segment_words(text);
  std::vector<std::uint64_t> shingles;
  const std::size_t size = std::min(kShingleWords, words.size());
  for (std::size_t i = 0; size > 0 && i + size <= words.size(); ++i) {
    std::uint64_t hash = base::kHashSeed;
    for (std::size_t j = i; j < i + size; ++j) {
      hash = base::hash_bytes(" ", base::hash_bytes(words[j], hash));
    }
    shingles.push_back(mix(hash));
  }
  std::sort(shingles.begin(), shingles.end());
  shingles.erase(std::unique(shingles.begin(), shingles.end()), shingles.end());
  return shingles;
}

double jaccard(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b) {
  std::size_t common = 0;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i] == b[j]) {
      ++common;
      ++i;
      ++j;
    } else if (a[i] < b[j]) {
      ++i;
    } else {
      ++j;
    }
  }
  const std::size_t all = a.size() + b.size() - common;
  return all == 0 ? 1.0 : static_cast<double>(common) / static_cast<double>(all);
}

}  // namespace

double shingle_similarity(std::string_view a, std::string_view b) {
  return jaccard(shingles_of(a), shingles_of(b));
}

std::array<std::uint64_t, NearDuplicates::kBands> NearDuplicates::band_keys(
    const std::vector<std::uint64_t>& shingles) const {
  std::array<std::uint64_t, kBands> keys{};
  for (std::size_t band = 0; band < kBands; ++band) {
    std::uint64_t key = mix(band + 1);
    for (std::size_t row = 0; row < kRows; ++row) {
      const std::uint64_t salt = mix(0x9E3779B97F4A7C15ULL * (band * kRows + row + 1));
      std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
      for (const std::uint64_t shingle : shingles) least = std::min(least, mix(shingle ^ salt));
      key = mix(key ^ least);
    }
    keys[band] = key;
  }
  return keys;
}

std::optional<NearDuplicates::Match> NearDuplicates::add(std::string_view text) {
  std::vector<std::uint64_t> shingles = shingles_of(text);
  const auto keys = band_keys(shingles);
  std::vector<std::size_t> candidates;
  for (const std::uint64_t key : keys) {
    const auto found = buckets_.find(key);
    if (found == buckets_.end()) continue;
    candidates.insert(candidates.end(), found->second.begin(), found->second.end());
  }
  std::sort(candidates.begin(), candidates.end());
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  for (const std::size_t candidate : candidates) {
    const double similarity = jaccard(shingles, texts_[candidate]);
    if (similarity >= threshold_) return Match{candidate, similarity};
  }
  for (const std::uint64_t key : keys) buckets_[key].push_back(texts_.size());
  texts_.push_back(std::move(shingles));
  return std::nullopt;
}

}  // namespace kith::persona
