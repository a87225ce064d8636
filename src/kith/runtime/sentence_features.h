// A sentence-transformers directory as the text encoder of prompt classifiers.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "kith/base/clock.h"
#include "kith/base/result.h"
#include "kith/engine/embedder.h"
#include "kith/persona/text_encoder.h"

namespace kith::runtime {

// Thread-safe: passes take turns on a compute thread.
class SentenceFeatures final : public persona::TextEncoder {
 public:
  // Computes on `thread`, which must outlive it, as must `clock`; null: on a thread of its own.
  // Errors: those of model::SentenceEncoder::load(); those of reading its files.
  static Result<std::unique_ptr<SentenceFeatures>> load(const std::filesystem::path& dir,
                                                        const model::EncoderOptions& options,
                                                        engine::ComputeThread* thread,
                                                        const base::Clock& clock);

  std::string hash() const override { return hash_; }
  std::size_t dimensions() const override;
  // A text longer than the model takes counts by its beginning.
  // Errors: those of engine::Embedder::embed().
  Status encode(std::string_view text, std::span<float> vector) const override;
  Status encode_all(std::span<const std::string_view> texts,
                    std::span<float> vectors) const override;

 private:
  SentenceFeatures(std::unique_ptr<model::SentenceEncoder> encoder, engine::ComputeThread* thread,
                   const base::Clock& clock, std::string hash);

  std::string hash_;
  std::unique_ptr<engine::ComputeThread> own_thread_;
  std::unique_ptr<engine::Embedder> embedder_;
};

// The text encoder that prompts are classified with: the built-in one if `dir` is empty, else that
// of the directory, a word encoder's or sentence-transformers' by its files.
// Errors: kNotFound if the directory holds neither; those of loading.
Result<std::shared_ptr<const persona::TextEncoder>> load_text_encoder(
    const std::filesystem::path& dir, const base::Clock& clock);

}  // namespace kith::runtime
