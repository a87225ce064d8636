// What turns the text of an event into a vector: the port that the text encoders of personas
// implement (tuning/event_text_encoder.h). A user encoder that was trained on one text encoder's
// vectors reads no other's.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"

namespace kith::timeline {

// Implementations are immutable and thread-safe, and give a text the same vector every time.
class EventTexts {
 public:
  virtual ~EventTexts() = default;

  // Names everything that decides the vectors.
  virtual std::string hash() const = 0;
  // Elements of a vector, >= 1.
  virtual std::size_t dimensions() const = 0;
  // Writes the vector of a text, of length 1 or 0.
  //   vector: [dimensions()]
  // Errors: those of a model that fails.
  virtual Status encode(std::string_view text, std::span<float> vector) const = 0;
};

// The vector as trainer and service both read it, with the precision of 16 bits.
//   returns: [texts.dimensions()]
// Errors: those of encode().
Result<std::vector<float>> rounded_vector(const EventTexts& texts, std::string_view text);

}  // namespace kith::timeline
