// The text encoders of prompts (persona/text_encoder.h), as the user encoder reads texts of events.
#pragma once

#include <memory>
#include <utility>

#include "kith/persona/text_encoder.h"
#include "kith/timeline/event_texts.h"

namespace kith::tuning {

class EventTextEncoder final : public timeline::EventTexts {
 public:
  explicit EventTextEncoder(std::shared_ptr<const persona::TextEncoder> encoder)
      : encoder_(std::move(encoder)) {}

  std::string hash() const override { return encoder_->hash(); }
  std::size_t dimensions() const override { return encoder_->dimensions(); }
  Status encode(std::string_view text, std::span<float> vector) const override {
    return encoder_->encode(text, vector);
  }

 private:
  std::shared_ptr<const persona::TextEncoder> encoder_;
};

}  // namespace kith::tuning
