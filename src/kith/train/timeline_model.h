// The user encoder in libtorch: an autoregressive transformer over events that predicts the next
// event's features (User-LLM, Ning et al. 2024; SASRec, Kang and McAuley 2018, with the loss over
// the whole catalogue of Klenitskiy and Vasilev 2023).
//
// An event is the sum of the embeddings of its features; a text's vector is added through a linear
// map, whose rows are ids of the feature as well. All embeddings are rows of one table, the
// decoder's own, in which every feature has a range of ids; the table is the head as well, so the
// score of a value is the product of the state with the value's row.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "kith/train/decoder.h"
#include "kith/train/timeline_data.h"

namespace kith::train {

// The batch's ids as a tensor [rows, length, features] int64.
torch::Tensor to_tensor(const TimelineBatch& batch, std::int64_t columns, torch::Device device);

// Not thread-safe. Library exceptions pass through.
class TimelineModel {
 public:
  // config.vocab_size is set to the number of ids of all features.
  // REQUIRES: check_model_config(config) with that size; tied embeddings.
  TimelineModel(ModelConfig config, std::vector<TimelineFeature> features, torch::Device device,
                torch::Dtype dtype);

  // The vectors of texts that ids point to; without them only ids are read.
  void set_texts(const TextTable& texts);

  Decoder& decoder() { return decoder_; }
  const Decoder& decoder() const { return decoder_; }
  const std::vector<TimelineFeature>& features() const { return features_; }

  // Share of what every block adds to the events' rows that is left out at random, in [0, 1); 0
  // turns it off.
  void set_dropout(double dropout) { decoder_.set_dropout(dropout); }

  // Normed states after each event.
  //   ids: [rows, length, features and then texts] int64, -1 where a row is padded or has no text
  //   returns: [rows * length, hidden], compute dtype
  torch::Tensor states(const torch::Tensor& ids) const;

  // The weighted sum over the predicted features of the loss of the next event's value, a mean over
  // the events that have one. Values that are missing or unknown are not predicted.
  torch::Tensor loss(const torch::Tensor& ids) const;

  // Scores of a feature's values.
  //   states: [rows, hidden]; returns: [rows, num_ids of the feature] float, of which the first two
  //   are no values
  torch::Tensor scores(const torch::Tensor& states, std::size_t feature) const;

  // Those of a feature's ids. returns: [num_ids of the feature, hidden], compute dtype
  torch::Tensor embeddings(std::size_t feature) const;

 private:
  static ModelConfig with_vocabulary(ModelConfig config,
                                     const std::vector<TimelineFeature>& features);
  // Over all values of a feature, or by samples where these are many (sampled_loss.h).
  torch::Tensor feature_loss(std::size_t feature, const torch::Tensor& states,
                             const torch::Tensor& targets, double scale) const;
  torch::Tensor add_texts(torch::Tensor rows, const torch::Tensor& ids) const;
  torch::Tensor rows_of(std::size_t feature, const torch::Tensor& table) const;

  std::vector<TimelineFeature> features_;
  std::vector<std::int64_t> offsets_;  // of each feature's ids in the table
  torch::Tensor offset_tensor_;        // [features] int64
  torch::Tensor texts_;                // [texts, dimensions] half; undefined without texts
  Decoder decoder_;
};

}  // namespace kith::train
