// A text encoder for tests: random vectors by the bytes of a text.
#pragma once

#include <cmath>

#include "kith/base/fingerprint.h"
#include "kith/base/rng.h"
#include "kith/timeline/event_texts.h"

namespace kith::timeline {

class TestTexts final : public EventTexts {
 public:
  explicit TestTexts(std::size_t dimensions, std::string hash = "test")
      : dimensions_(dimensions), hash_(std::move(hash)) {}

  std::string hash() const override { return hash_; }
  std::size_t dimensions() const override { return dimensions_; }
  Status encode(std::string_view text, std::span<float> vector) const override {
    base::Rng rng(base::hash_bytes(text));
    for (float& value : vector) {
      value = (static_cast<float>(rng.below(2000)) - 1000.0F) /
              (1000.0F * std::sqrt(static_cast<float>(dimensions_)));
    }
    return {};
  }

 private:
  std::size_t dimensions_;
  std::string hash_;
};

}  // namespace kith::timeline
