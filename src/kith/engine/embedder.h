// Vectors of texts for many callers at once: their texts are packed into batches, one pass of the
// encoder after the other, on the thread that matrix products run on.
//
// Batches take texts from all waiting requests in turn, so that a single question does not wait for
// an import of thousands; a pass is short, so that answers in the making hardly wait for either.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/result.h"
#include "kith/engine/compute_thread.h"
#include "kith/model/sentence_encoder.h"
#include "kith/text/token.h"

namespace kith::engine {

struct EmbedderOptions {
  // Tokens of one pass, >= 1; a longer text has a pass for itself. Enough to keep the processor
  // busy; more would make answers wait longer between two of their tokens.
  int max_batch_tokens = 256;
  // Tokens of all requests that wait, >= 1; a request beyond that is refused with kOverloaded
  // unless nothing else waits.
  std::int64_t max_waiting_tokens = std::int64_t{1} << 20;
};

struct EmbedRequest {
  // Each as from SentenceEncoder::tokenize(); at least one.
  std::vector<std::vector<text::TokenId>> texts;
  // On the clock's monotonic time.
  std::optional<std::chrono::nanoseconds> deadline;
};

struct EmbedderStats {
  std::uint64_t requests = 0;
  std::uint64_t texts = 0;
  std::uint64_t tokens = 0;
  std::uint64_t passes = 0;
  // Now waiting.
  std::int64_t waiting_tokens = 0;
};

// Thread-safe. Destruction ends what waits with kUnavailable.
class Embedder {
 public:
  // `thread` and `clock` must outlive the embedder. The encoder's embed() is called on `thread`
  // alone.
  Embedder(std::unique_ptr<model::SentenceEncoder> encoder, ComputeThread& thread,
           const base::Clock& clock, const EmbedderOptions& options = {});
  ~Embedder();
  Embedder(const Embedder&) = delete;
  Embedder& operator=(const Embedder&) = delete;

  // Only what SentenceEncoder lets any thread call.
  const model::SentenceEncoder& encoder() const;

  // Waits for all vectors, in the order of the texts: [texts.size(), dimensions()], finite.
  // Errors: kInvalidArgument for no texts, or a text that SentenceEncoder::check() refuses (naming
  //   its index); kOverloaded when too much waits; kCancelled, at once, when `cancel` is stopped;
  //   kDeadlineExceeded; kUnavailable when the embedder or its thread is ending; kInternal if the
  //   encoder fails or gives a value that is no number.
  Result<std::vector<float>> embed(EmbedRequest request, const std::stop_token& cancel = {});

  EmbedderStats stats() const;

 private:
  class Queue;
  // Shared with the work that was posted, which may run after the embedder has gone.
  std::shared_ptr<Queue> queue_;
};

}  // namespace kith::engine
