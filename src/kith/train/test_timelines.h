// Timelines as numbers, made by tests.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/tensor/safetensors.h"
#include "kith/train/timeline_data.h"

namespace kith::train {

struct TestTimelines {
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> ids;
  std::int64_t num_features = 1;

  // Events of one more user, each with an id a feature.
  void add(const std::vector<std::vector<std::int32_t>>& events) {
    for (const auto& event : events) {
      num_features = static_cast<std::int64_t>(event.size());
      ids.insert(ids.end(), event.begin(), event.end());
    }
    offsets.push_back(offsets.back() + static_cast<std::int64_t>(events.size()));
  }

  void write(const std::filesystem::path& directory,
             const std::vector<TimelineFeature>& features) const {
    base::Json list = base::Json::array();
    for (const auto& feature : features) {
      list.push_back(
          {{"name", feature.name}, {"num_ids", feature.num_ids}, {"predict", feature.predict}});
    }
    ASSERT_TRUE(base::write_file_atomically(directory / "features.json",
                                            base::dump_json(base::Json{{"features", list}})));
    const auto events = static_cast<std::int64_t>(ids.size()) / num_features;
    const std::vector<tensor::TensorToSave> tensors{
        {"offsets",
         tensor::DType::kInt64,
         {static_cast<std::int64_t>(offsets.size())},
         std::as_bytes(std::span(offsets))},
        {"ids", tensor::DType::kInt32, {events, num_features}, std::as_bytes(std::span(ids))}};
    ASSERT_TRUE(tensor::save_safetensors(directory / "timelines.safetensors", tensors, {}));
  }
};

}  // namespace kith::train
