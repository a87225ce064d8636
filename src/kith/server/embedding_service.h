// What answers POST /v1/embeddings: the own model, or an upstream. Implemented in runtime.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "kith/api/embeddings.h"
#include "kith/base/result.h"

namespace kith::server {

struct EmbeddingReply {
  std::string body;  // of the response, JSON
  // Special tokens included; 0 if an upstream counted.
  std::int64_t tokens = 0;
};

// Thread-safe.
class EmbeddingService {
 public:
  virtual ~EmbeddingService() = default;

  // Name of the own model; empty for an upstream's.
  virtual std::string model() const = 0;
  // Whether requests go to an upstream, which then judges what it does not know.
  virtual bool is_upstream() const = 0;
  // Of its vectors; 0 for an upstream.
  virtual int dimensions() const = 0;

  // Waits for the vectors. `request` asks for no more than dimensions().
  // Errors: kInvalidArgument for texts or tokens that the model cannot take (naming which),
  //   kOverloaded, kCancelled, kDeadlineExceeded, kUnavailable, kInternal.
  virtual Result<EmbeddingReply> embed(const api::EmbeddingsRequest& request,
                                       const std::stop_token& cancel) = 0;
};

}  // namespace kith::server
