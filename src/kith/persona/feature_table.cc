#include "kith/persona/feature_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <string>
#include <unordered_map>

namespace kith::persona {

FeatureTable FeatureTable::build(std::span<const std::vector<FeatureHash>> documents,
                                 std::size_t min_documents, std::size_t max_features) {
  struct Count {
    std::uint32_t documents = 0;
    std::size_t last = 0;  // document + 1
  };
  std::unordered_map<FeatureHash, Count> counts;
  for (std::size_t d = 0; d < documents.size(); ++d) {
    for (const FeatureHash hash : documents[d]) {
      Count& count = counts[hash];
      if (count.last == d + 1) continue;
      count.last = d + 1;
      ++count.documents;
    }
  }
  std::vector<std::pair<FeatureHash, std::uint32_t>> known;
  for (const auto& [hash, count] : counts) {
    if (count.documents >= min_documents) known.emplace_back(hash, count.documents);
  }
  if (known.size() > max_features) {
    std::sort(known.begin(), known.end(), [](const auto& a, const auto& b) {
      return a.second != b.second ? a.second > b.second : a.first < b.first;
    });
    known.resize(max_features);
  }
  std::sort(known.begin(), known.end());
  FeatureTable table;
  const double total = 1.0 + static_cast<double>(documents.size());
  for (const auto& [hash, count] : known) {
    table.hashes_.push_back(hash);
    table.idf_.push_back(static_cast<float>(1.0 + std::log(total / (1.0 + count))));
  }
  table.index();
  return table;
}

Result<FeatureTable> FeatureTable::create(std::vector<FeatureHash> hashes, std::vector<float> idf) {
  if (hashes.size() > kMaxFeatures || hashes.size() != idf.size()) {
    return Error{ErrorCode::kInvalidArgument,
                 "features must be at most " + std::to_string(kMaxFeatures) +
                     " and have an idf each: " + std::to_string(hashes.size()) + " and " +
                     std::to_string(idf.size())};
  }
  if (std::adjacent_find(hashes.begin(), hashes.end(), std::greater_equal<>()) != hashes.end()) {
    return Error{ErrorCode::kInvalidArgument, "features must be strictly ascending"};
  }
  if (!std::all_of(idf.begin(), idf.end(), [](float x) { return x >= 0.0F && x <= 100.0F; })) {
    return Error{ErrorCode::kInvalidArgument, "every idf must be in [0, 100]"};
  }
  FeatureTable table;
  table.hashes_ = std::move(hashes);
  table.idf_ = std::move(idf);
  table.index();
  return table;
}

void FeatureTable::index() {
  const int bits = std::max(4, static_cast<int>(std::bit_width(2 * hashes_.size())));
  shift_ = 64 - bits;
  slots_.assign(std::size_t{1} << bits, 0);
  for (std::size_t row = 0; row < hashes_.size(); ++row) {
    std::size_t slot = slot_of(hashes_[row]);
    while (slots_[slot] != 0) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = static_cast<std::uint32_t>(row + 1);
  }
  greatest_idf_ = idf_.empty() ? 1.0F : *std::max_element(idf_.begin(), idf_.end());
}

void FeatureTable::prefetch_row(FeatureHash hash) const {
  const std::uint32_t row = slots_[slot_of(hash)];
  if (row == 0) return;
  __builtin_prefetch(&hashes_[row - 1]);
  __builtin_prefetch(&idf_[row - 1]);
}

std::uint32_t FeatureTable::find(FeatureHash hash) const {
  std::size_t slot = slot_of(hash);
  for (; slots_[slot] != 0; slot = (slot + 1) & (slots_.size() - 1)) {
    if (hashes_[slots_[slot] - 1] == hash) return slots_[slot] - 1;
  }
  return static_cast<std::uint32_t>(hashes_.size());
}

namespace {

// Counts how often rows occur in one text, in the order in which they first do. As large as the
// text asks for, not as the table: memory that is touched once costs more than the counting.
class RowCounter {
 public:
  explicit RowCounter(std::size_t most) {
    const int bits = std::max(4, static_cast<int>(std::bit_width(2 * most)));
    shift_ = 32 - bits;
    places_.assign(std::size_t{1} << bits, 0);
  }

  // Appends to `rows` what occurs for the first time; weights are counts.
  void add(std::uint32_t row, std::size_t first, std::vector<WeighedRow>& rows) {
    std::size_t slot = (row * 0x9E3779B1U) >> shift_;
    for (; places_[slot] != 0; slot = (slot + 1) & (places_.size() - 1)) {
      WeighedRow& known = rows[first + places_[slot] - 1];
      if (known.row != row) continue;
      known.weight += 1.0F;
      return;
    }
    rows.push_back({row, 1.0F});
    places_[slot] = static_cast<std::uint32_t>(rows.size() - first);
  }

 private:
  // Open addressing, at most half full: places in the rows + 1, 0 where empty.
  std::vector<std::uint32_t> places_;
  int shift_ = 28;
};

}  // namespace

void FeatureTable::weigh(std::span<const FeatureHash> features,
                         std::vector<WeighedRow>& rows) const {
  if (slots_.empty()) return;
  const std::size_t first = rows.size();
  RowCounter counter(features.size());
  std::array<double, 2> squares{};
  // What a feature's slot points at is asked for when the slot has come.
  constexpr std::size_t kAhead = 8;
  for (std::size_t i = 0; i < features.size(); ++i) {
    if (i + 2 * kAhead < features.size())
      __builtin_prefetch(&slots_[slot_of(features[i + 2 * kAhead])]);
    if (i + kAhead < features.size()) prefetch_row(features[i + kAhead]);
    const FeatureHash hash = features[i];
    const std::uint32_t row = find(hash);
    if (row == hashes_.size()) {
      squares[hash & 1U] += static_cast<double>(greatest_idf_) * greatest_idf_;
    } else {
      counter.add(row, first, rows);
    }
  }
  for (WeighedRow& known : std::span(rows).subspan(first)) {
    // Most occur once; a logarithm costs as much as finding the feature.
    const float term = known.weight == 1.0F ? 1.0F : 1.0F + std::log(known.weight);
    known.weight = term * idf_[known.row];
    squares[hashes_[known.row] & 1U] += static_cast<double>(known.weight) * known.weight;
  }
  std::array<float, 2> scales{};
  for (std::size_t group = 0; group < 2; ++group) {
    if (squares[group] > 0.0) scales[group] = static_cast<float>(std::sqrt(0.5 / squares[group]));
  }
  for (WeighedRow& known : std::span(rows).subspan(first)) {
    known.weight *= scales[hashes_[known.row] & 1U];
  }
}

}  // namespace kith::persona
