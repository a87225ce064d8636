// Answers POST /v1/embeddings: with the own embedding model, or by an upstream.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "kith/base/clock.h"
#include "kith/engine/embedder.h"
#include "kith/runtime/config.h"
#include "kith/server/embedding_service.h"
#include "kith/upstream/openai_client.h"

namespace kith::runtime {

// Thread-safe.
class OwnEmbeddings final : public server::EmbeddingService {
 public:
  // Computes on `thread`, which must outlive it; null: on a thread of its own.
  OwnEmbeddings(std::unique_ptr<model::SentenceEncoder> encoder, engine::ComputeThread* thread,
                const base::Clock& clock);

  std::string model() const override { return embedder_.encoder().name(); }
  bool is_upstream() const override { return false; }
  int dimensions() const override { return embedder_.encoder().dimensions(); }
  Result<server::EmbeddingReply> embed(const api::EmbeddingsRequest& request,
                                       const std::stop_token& cancel) override;

 private:
  const base::Clock& clock_;
  std::unique_ptr<engine::ComputeThread> own_thread_;
  engine::Embedder embedder_;
};

// Thread-safe.
class UpstreamEmbeddings final : public server::EmbeddingService {
 public:
  explicit UpstreamEmbeddings(std::unique_ptr<upstream::OpenAiClient> client)
      : client_(std::move(client)) {}

  std::string model() const override { return {}; }
  bool is_upstream() const override { return true; }
  int dimensions() const override { return 0; }
  Result<server::EmbeddingReply> embed(const api::EmbeddingsRequest& request,
                                       const std::stop_token& cancel) override;

 private:
  std::unique_ptr<upstream::OpenAiClient> client_;
};

// What the configuration asks for: the embedding model, else the upstream, else nothing (null).
// `thread` as for OwnEmbeddings.
// Errors: those of model::SentenceEncoder::load() and upstream::OpenAiClient::create().
Result<std::unique_ptr<server::EmbeddingService>> make_embeddings(const Config& config,
                                                                  engine::ComputeThread* thread,
                                                                  const base::Clock& clock);

// Keeps the first `dimensions` numbers of each vector and brings what is left to length 1.
//   vectors: [texts, width], width >= dimensions;  returns: [texts, dimensions]
std::vector<float> shorten(const std::vector<float>& vectors, std::size_t width,
                           std::size_t dimensions);

}  // namespace kith::runtime
