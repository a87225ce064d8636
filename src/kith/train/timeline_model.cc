#include "kith/train/timeline_model.h"

#include <cstring>

#include "kith/train/ops.h"
#include "kith/train/sampled_loss.h"

namespace kith::train {

using torch::Tensor;

namespace {

constexpr std::int64_t kFirstValue = 2;

std::vector<std::int64_t> table_offsets(const std::vector<TimelineFeature>& features) {
  std::vector<std::int64_t> offsets{0};
  for (const TimelineFeature& feature : features)
    offsets.push_back(offsets.back() + feature.num_ids);
  return offsets;
}

}  // namespace

Tensor to_tensor(const TimelineBatch& batch, std::int64_t columns, torch::Device device) {
  return torch::tensor(batch.ids, torch::kLong)
      .view({batch.rows, batch.length, columns})
      .to(device);
}

ModelConfig TimelineModel::with_vocabulary(ModelConfig config,
                                           const std::vector<TimelineFeature>& features) {
  config.vocab_size = table_offsets(features).back();
  config.tie_word_embeddings = true;
  return config;
}

TimelineModel::TimelineModel(ModelConfig config, std::vector<TimelineFeature> features,
                             torch::Device device, torch::Dtype dtype)
    : features_(std::move(features)),
      offsets_(table_offsets(features_)),
      offset_tensor_(torch::tensor(std::vector<std::int64_t>(offsets_.begin(), offsets_.end() - 1),
                                   torch::kLong)
                         .to(device)),
      decoder_(with_vocabulary(std::move(config), features_), device, dtype) {}

Tensor TimelineModel::states(const Tensor& ids) const {
  const std::int64_t events = ids.size(0) * ids.size(1);
  const auto width = static_cast<std::int64_t>(features_.size());
  const Tensor places = (ids.narrow(2, 0, width).clamp_min(0) + offset_tensor_).reshape({-1});
  const Tensor rows = add_texts(decoder_.embed(places).view({events, width, -1}).sum(1), ids);
  return decoder_.hidden_of(rows, ids.size(0), ids.size(1));
}

void TimelineModel::set_texts(const TextTable& texts) {
  if (texts.dimensions == 0) return;
  texts_ = torch::empty(
      {static_cast<std::int64_t>(texts.values.size()) / texts.dimensions, texts.dimensions},
      torch::kHalf);
  std::memcpy(texts_.data_ptr(), texts.values.data(), texts.values.size() * sizeof(std::uint16_t));
  texts_ = texts_.to(offset_tensor_.device());
}

Tensor TimelineModel::add_texts(Tensor rows, const Tensor& ids) const {
  if (!texts_.defined() || texts_.size(0) == 0) return rows;
  auto column = static_cast<std::int64_t>(features_.size());
  for (std::size_t feature = 0; feature < features_.size(); ++feature) {
    const std::int64_t dimensions = features_[feature].text_dimensions;
    if (dimensions == 0) continue;
    const Tensor row = ids.select(2, column++).reshape({-1});
    const Tensor vectors =
        texts_.index_select(0, row.clamp_min(0)).to(rows.dtype()) * row.ge(0).unsqueeze(1);
    const std::int64_t first = offsets_[feature] + features_[feature].num_ids - dimensions;
    rows =
        rows + vectors.matmul(decoder_.embedding().narrow(0, first, dimensions).to(rows.dtype()));
  }
  return rows;
}

Tensor TimelineModel::rows_of(std::size_t feature, const Tensor& table) const {
  return table.narrow(0, offsets_[feature], features_[feature].num_ids);
}

Tensor TimelineModel::embeddings(std::size_t feature) const {
  return rows_of(feature, decoder_.embedding());
}

Tensor TimelineModel::feature_loss(std::size_t feature, const Tensor& states, const Tensor& targets,
                                   double scale) const {
  const Tensor table = embeddings(feature);
  const std::int64_t values = features_[feature].num_ids - kFirstValue;
  if (features_[feature].num_ids <= kFullSoftmaxIds) {
    return linear_cross_entropy(states, table.contiguous(), targets, scale);
  }
  const SampledLossOptions options;
  const Tensor negatives =
      torch::randint(values, {options.negatives}, torch::kLong).to(states.device());
  return gbce_loss(states, table.slice(0, kFirstValue), targets - kFirstValue, negatives,
                   gbce_exponent(options, values), scale);
}

Tensor TimelineModel::loss(const Tensor& ids) const {
  const std::int64_t length = ids.size(1) - 1;
  const Tensor states_before = states(ids.narrow(1, 0, length).contiguous());
  const Tensor next = ids.narrow(1, 1, length);
  Tensor total;
  for (std::size_t feature = 0; feature < features_.size(); ++feature) {
    if (features_[feature].predict <= 0.0) continue;
    const Tensor values = next.select(2, static_cast<std::int64_t>(feature)).reshape({-1});
    const Tensor targets =
        torch::where(values.ge(kFirstValue), values, torch::full_like(values, -1));
    const auto counted = static_cast<double>(targets.ge(0).sum().item<std::int64_t>());
    if (counted == 0.0) continue;
    const Tensor part =
        feature_loss(feature, states_before, targets, features_[feature].predict / counted);
    total = total.defined() ? total + part : part;
  }
  return total;
}

Tensor TimelineModel::scores(const Tensor& states, std::size_t feature) const {
  const Tensor table = decoder_.embedding().to(torch::kFloat);
  return at::linear(states.to(torch::kFloat), rows_of(feature, table));
}

}  // namespace kith::train
