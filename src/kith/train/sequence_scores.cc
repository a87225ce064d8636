#include "kith/train/sequence_scores.h"

#include <algorithm>
#include <numeric>

#include "kith/train/token_shard.h"

namespace kith::train {

using torch::Tensor;

std::int64_t counted_tokens(ScoredDocument document) {
  return std::count_if(document.begin() + 1, document.end(),
                       [](std::uint32_t token) { return (token & kCountedBit) != 0; });
}

Tensor score_batch(const Decoder& decoder, std::span<const ScoredDocument> documents,
                   std::int64_t pad) {
  std::size_t longest = 0;
  for (const auto& document : documents) longest = std::max(longest, document.size());
  const auto rows = static_cast<std::int64_t>(documents.size());
  const auto sequence = static_cast<std::int64_t>(longest) - 1;
  Tensor ids = torch::full({rows, sequence}, pad, torch::kLong);
  Tensor targets = torch::full({rows, sequence}, -1, torch::kLong);
  for (std::int64_t row = 0; row < rows; ++row) {
    const ScoredDocument document = documents[static_cast<std::size_t>(row)];
    auto* id = ids.data_ptr<std::int64_t>() + row * sequence;
    auto* target = targets.data_ptr<std::int64_t>() + row * sequence;
    for (std::size_t i = 0; i + 1 < document.size(); ++i) {
      id[i] = document[i] & ~kCountedBit;
      const std::uint32_t next = document[i + 1];
      if ((next & kCountedBit) != 0) target[i] = next & ~kCountedBit;
    }
  }
  return decoder.log_probabilities(ids.to(decoder.device()), targets.to(decoder.device()));
}

std::vector<std::vector<std::size_t>> batches_of(std::span<const std::int64_t> lengths,
                                                 std::int64_t rows, std::int64_t batch_tokens) {
  std::vector<std::size_t> order(lengths.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return lengths[a] > lengths[b]; });
  std::vector<std::vector<std::size_t>> batches;
  std::int64_t longest = 0;
  for (const std::size_t index : order) {
    const bool fits =
        !batches.empty() &&
        static_cast<std::int64_t>(batches.back().size() + 1) * rows * longest <= batch_tokens;
    if (!fits) {
      batches.emplace_back();
      longest = lengths[index];
    }
    batches.back().push_back(index);
  }
  return batches;
}

Tensor score_all(const Decoder& decoder, std::span<const ScoredDocument> documents,
                 std::int64_t batch_tokens, std::int64_t pad) {
  const torch::NoGradGuard no_grad;
  std::vector<std::int64_t> lengths;
  for (const auto& document : documents) {
    lengths.push_back(static_cast<std::int64_t>(document.size()));
  }
  Tensor scores = torch::zeros({static_cast<std::int64_t>(documents.size())}, torch::kFloat);
  for (const auto& batch : batches_of(lengths, 1, batch_tokens)) {
    std::vector<ScoredDocument> own;
    for (const std::size_t index : batch) own.push_back(documents[index]);
    const Tensor values = score_batch(decoder, own, pad).to(torch::kCPU);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      scores[static_cast<std::int64_t>(batch[i])] = values[static_cast<std::int64_t>(i)];
    }
  }
  return scores;
}

}  // namespace kith::train
