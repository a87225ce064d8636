// The built-in text encoder: words, pairs of words and runs of characters looked up in one table,
// added up, and put through one hidden layer. A text costs tens of microseconds.
//
// It is trained to give the vectors of a sentence encoder that is thousands of times as slow
// (knowledge distillation into hashed embeddings: Hinton et al. 2015; the features are those of
// fastText, Bojanowski et al. 2017), on texts that no classifier is measured on. The card in its
// directory says which (docs/formats/classifier.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"
#include "kith/persona/sparse_model.h"
#include "kith/persona/text_encoder.h"

namespace kith::persona {

inline constexpr const char* kEncoderCard = "card.json";
inline constexpr const char* kEncoderWeights = "encoder.safetensors";
inline constexpr std::int64_t kEncoderSchema = 1;

struct EncoderTraining {
  // N-grams in the table, in [1, kMaxFeatures]: the most frequent of the texts.
  std::size_t features = 16384;
  // Hidden units, in [0, 4096], a multiple of 16.
  std::size_t hidden = 256;
  // Passes over the texts, in [1, 1000].
  std::size_t epochs = 10;
  float learning_rate = 2e-3F;
  std::uint64_t seed = 1;
  // Members of the card that say where texts and teacher come from, as JSON text of an object; may
  // be empty.
  std::string provenance;
  // Called with the share of the work that is done.
  std::function<void(double share)> progress;
};

// Immutable; thread-safe.
class WordEncoder final : public TextEncoder {
 public:
  // Learns to give `vectors` for `texts`. Every twentieth text is kept from training; the card's
  // metric `cosine` is the mean over these.
  //   vectors: [texts.size() * dimensions], row by row, of length 1
  // Errors: kInvalidArgument for sizes that do not fit, options outside their ranges, or a
  //   provenance that is no JSON object.
  static Result<std::shared_ptr<const WordEncoder>> train(std::span<const std::string> texts,
                                                          std::span<const float> vectors,
                                                          std::size_t dimensions,
                                                          const EncoderTraining& options);

  // Errors: kNotFound without the files; kInvalidArgument naming file and what is wrong with it;
  //   kConflict if the weights are not those that the card was written for.
  static Result<std::shared_ptr<const WordEncoder>> load(const std::filesystem::path& dir);

  // encoder.safetensors and card.json; the directory appears whole, in the place of an earlier
  // encoder if there is one.
  // Errors: kConflict if something else stands at `dir`; kUnavailable.
  Status save(const std::filesystem::path& dir) const;

  std::string hash() const override { return hash_; }
  std::size_t dimensions() const override { return dimensions_; }
  Status encode(std::string_view text, std::span<float> vector) const override;

  // What save() writes as card.json.
  const std::string& card() const { return card_; }

 private:
  WordEncoder() = default;

  SparseModel model_;
  std::string card_;
  std::string hash_;
  std::size_t dimensions_ = 0;
};

}  // namespace kith::persona
