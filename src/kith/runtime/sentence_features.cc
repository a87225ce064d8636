#include "kith/runtime/sentence_features.h"

#include <algorithm>
#include <thread>

#include "kith/base/file.h"
#include "kith/base/fingerprint.h"
#include "kith/persona/word_encoder.h"
#include "kith/runtime/resources.h"

namespace kith::runtime {
namespace {

namespace fs = std::filesystem;

// Texts embedded together: enough to fill batches, few enough to hold.
constexpr std::size_t kGroup = 256;
// Classifiers are trained on thousands of texts, with nothing else to compute.
constexpr int kBatchTokens = 2048;
constexpr int kMaxThreads = 8;

// Of all that vectors depend on.
Result<std::string> hash_of(const fs::path& dir) {
  std::uint64_t hash = base::kHashSeed;
  for (const char* name : {"config.json", "tokenizer.json", "modules.json",
                           "sentence_bert_config.json", "model.safetensors"}) {
    std::error_code error;
    if (!fs::exists(dir / name, error)) continue;
    KITH_ASSIGN_OR_RETURN(const auto file, base::MappedFile::open(dir / name));
    const auto bytes = file.bytes();
    hash = base::hash_bytes({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, hash);
  }
  return base::to_hex(hash);
}

}  // namespace

Result<std::unique_ptr<SentenceFeatures>> SentenceFeatures::load(
    const fs::path& dir, const model::EncoderOptions& options, engine::ComputeThread* thread,
    const base::Clock& clock) {
  KITH_ASSIGN_OR_RETURN(auto encoder, model::SentenceEncoder::load(dir, options));
  KITH_ASSIGN_OR_RETURN(auto hash, hash_of(dir));
  return std::unique_ptr<SentenceFeatures>(
      new SentenceFeatures(std::move(encoder), thread, clock, std::move(hash)));
}

SentenceFeatures::SentenceFeatures(std::unique_ptr<model::SentenceEncoder> encoder,
                                   engine::ComputeThread* thread, const base::Clock& clock,
                                   std::string hash)
    : hash_(std::move(hash)),
      own_thread_(thread == nullptr ? engine::make_compute_thread() : nullptr),
      embedder_(std::make_unique<engine::Embedder>(
          std::move(encoder), thread == nullptr ? *own_thread_ : *thread, clock,
          engine::EmbedderOptions{.max_batch_tokens = kBatchTokens})) {}

std::size_t SentenceFeatures::dimensions() const {
  return static_cast<std::size_t>(embedder_->encoder().dimensions());
}

Status SentenceFeatures::encode(std::string_view text, std::span<float> vector) const {
  return encode_all({&text, 1}, vector);
}

Status SentenceFeatures::encode_all(std::span<const std::string_view> texts,
                                    std::span<float> vectors) const {
  const std::size_t width = dimensions();
  for (std::size_t first = 0; first < texts.size(); first += kGroup) {
    engine::EmbedRequest request;
    const auto group = texts.subspan(first, std::min(kGroup, texts.size() - first));
    for (const std::string_view text : group) {
      KITH_ASSIGN_OR_RETURN(auto tokenized, embedder_->encoder().tokenize(text, true));
      request.texts.push_back(std::move(tokenized.tokens));
    }
    KITH_ASSIGN_OR_RETURN(const auto found, embedder_->embed(std::move(request)));
    std::copy(found.begin(), found.end(),
              vectors.begin() + static_cast<std::ptrdiff_t>(first * width));
  }
  return {};
}

Result<std::shared_ptr<const persona::TextEncoder>> load_text_encoder(const fs::path& dir,
                                                                      const base::Clock& clock) {
  using Encoder = std::shared_ptr<const persona::TextEncoder>;
  const fs::path place = dir.empty() ? builtin_encoder_directory() : dir;
  std::error_code error;
  if (fs::exists(place / persona::kEncoderWeights, error)) {
    KITH_ASSIGN_OR_RETURN(auto encoder, persona::WordEncoder::load(place));
    return Encoder(std::move(encoder));
  }
  if (!fs::exists(place / "config.json", error)) {
    return Error{ErrorCode::kNotFound,
                 "neither encoder.safetensors nor config.json (a sentence-transformers directory) "
                 "in " +
                     place.string()};
  }
  const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  KITH_ASSIGN_OR_RETURN(
      auto encoder, SentenceFeatures::load(place, {.threads = std::clamp(cores, 1, kMaxThreads)},
                                           nullptr, clock));
  return Encoder(std::move(encoder));
}

}  // namespace kith::runtime
