// The n-grams that a classifier knows, and how much each counts in a text.
//
// Method: TF-IDF with sublinear counts, (1 + ln n) * (1 + ln((1 + N) / (1 + N_f))), the words and
// the characters of a text each brought to length sqrt(1/2) (Salton and Buckley 1988). What is not
// in the table counts towards the length with the rarest feature's weight: a text of mostly unknown
// words gets small weights, and a classifier is unsure of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kith/base/result.h"
#include "kith/persona/ngram_features.h"

namespace kith::persona {

// A row of a weight matrix and what it is multiplied with.
struct WeighedRow {
  std::uint32_t row = 0;
  float weight = 0.0F;
};

// Most features of a table.
inline constexpr std::size_t kMaxFeatures = std::size_t{1} << 18;

// Immutable; thread-safe.
class FeatureTable {
 public:
  FeatureTable() = default;

  // Those that at least `min_documents` of the documents have, the most frequent `max_features` if
  // there are more.
  //   documents: features of each, as from append_ngrams()
  //   max_features: at most kMaxFeatures
  static FeatureTable build(std::span<const std::vector<FeatureHash>> documents,
                            std::size_t min_documents, std::size_t max_features = kMaxFeatures);

  // Errors: kInvalidArgument unless `hashes` is strictly ascending and of at most kMaxFeatures, and
  //   `idf` is as long, finite and in [0, 100].
  static Result<FeatureTable> create(std::vector<FeatureHash> hashes, std::vector<float> idf);

  // Appends the known features of a text, each once, in the order in which they first occur.
  // Linear in the text.
  void weigh(std::span<const FeatureHash> features, std::vector<WeighedRow>& rows) const;

  std::size_t size() const { return hashes_.size(); }
  // Strictly ascending; the place of a feature is its row.
  const std::vector<FeatureHash>& hashes() const { return hashes_; }
  const std::vector<float>& idf() const { return idf_; }

 private:
  void index();
  // Where the search for a feature begins.
  std::size_t slot_of(FeatureHash hash) const { return static_cast<std::size_t>(hash >> shift_); }
  void prefetch_row(FeatureHash hash) const;
  // No value: the number of features.
  std::uint32_t find(FeatureHash hash) const;

  std::vector<FeatureHash> hashes_;
  std::vector<float> idf_;
  float greatest_idf_ = 0.0F;
  // Open addressing over the hash's high bits, at most half full: rows + 1, 0 where empty.
  std::vector<std::uint32_t> slots_;
  int shift_ = 63;
};

}  // namespace kith::persona
