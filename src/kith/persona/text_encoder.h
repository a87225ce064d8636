// What turns a text into a vector of fixed length for the prompt classifier: the port that the
// built-in encoder (word_encoder.h) and a BERT checkpoint (runtime/sentence_features.h) implement.
//
// Hashed words and characters are no part of it: every classifier has those of its own
// (ngram_features.h), so an encoder only has to say what they cannot.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "kith/base/result.h"

namespace kith::persona {

// Implementations are immutable and thread-safe, and give a text the same vector every time.
class TextEncoder {
 public:
  virtual ~TextEncoder() = default;

  // Names what the vectors depend on, weights included, in sixteen hexadecimal digits. What was
  // trained or calibrated on one encoder's vectors is wrong for another's.
  virtual std::string hash() const = 0;

  // Elements of a vector; 0: none, the classifier has its n-grams alone.
  virtual std::size_t dimensions() const = 0;

  // Writes the vector of a text, ill-formed UTF-8 included, of length 1 or 0.
  //   vector: [dimensions()]
  // Errors: those of a model that fails; the built-in encoder has none.
  virtual Status encode(std::string_view text, std::span<float> vector) const = 0;

  // The vectors of many texts, which a model may compute together.
  //   vectors: [texts.size() * dimensions()], row by row
  virtual Status encode_all(std::span<const std::string_view> texts,
                            std::span<float> vectors) const {
    const std::size_t width = dimensions();
    for (std::size_t i = 0; i < texts.size(); ++i) {
      KITH_RETURN_IF_ERROR(encode(texts[i], vectors.subspan(i * width, width)));
    }
    return {};
  }
};

}  // namespace kith::persona
