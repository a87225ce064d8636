// Packs tokenised documents into windows of a fixed length and deals them out in a random order
// that a run can take up again.
//
// A window of length n holds n + 1 tokens: inputs are the first n, targets the last n. Streams are
// cut anywhere, windows overlapping by one token, so that each token is a target once. Whole
// documents are packed by best fit and a window that is left with room is padded; a document that
// is longer than a window is cut.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kith/base/rng.h"
#include "kith/train/recipe.h"
#include "kith/train/token_shard.h"

namespace kith::train {

// Part of a document: tokens [begin, end) of `document`.
struct Piece {
  std::uint32_t document;
  std::uint32_t begin;
  std::uint32_t end;
};

// The pieces of one window, in order; at most sequence + 1 tokens in all.
struct Window {
  std::uint32_t source = 0;
  std::vector<Piece> pieces;
};

// Windows over all documents of a shard, documents in random order.
std::vector<Window> pack_stream(const TokenShard& shard, std::int64_t sequence, base::Rng& rng);
std::vector<Window> pack_whole(const TokenShard& shard, std::int64_t sequence, base::Rng& rng);

// Where a run stands in its data.
struct StreamPosition {
  std::int64_t stage = 0;
  std::int64_t cycle = 0;
  std::int64_t index = 0;  // windows of the cycle already given out
  friend bool operator==(const StreamPosition&, const StreamPosition&) = default;
};

// One batch of windows. Targets that do not count are -1.
struct Batch {
  std::int64_t rows = 0;
  std::int64_t sequence = 0;
  std::vector<std::int64_t> ids;      // [rows, sequence]
  std::vector<std::int64_t> targets;  // [rows, sequence]
  // Of each target's loss, [rows, sequence]; empty if all are 1.
  std::vector<float> weights;
  std::int64_t counted = 0;
};

struct StreamSource {
  const TokenShard* shard = nullptr;
  double weight = 1.0;
  Packing packing = Packing::kStream;
};

// An endless mixture of sources. Each cycle takes every source `weight` times, in an order that
// depends on the seed, the stage and the cycle alone. Not thread-safe; borrows the shards.
class WindowStream {
 public:
  // pad: the token that fills windows, never counted.
  // REQUIRES: some source with a positive weight and a document.
  WindowStream(std::vector<StreamSource> sources, std::uint64_t seed, std::int32_t pad);

  // Starts a new order when the stage changes.
  void set_stage(std::int64_t stage, std::int64_t sequence);
  // Goes to where an earlier stream stood.
  void seek(const StreamPosition& position, std::int64_t sequence);
  const StreamPosition& position() const { return position_; }
  // Windows in the current cycle.
  std::int64_t cycle_size() const { return static_cast<std::int64_t>(windows_.size()); }

  Batch next(std::int64_t rows);

 private:
  void build_cycle();

  std::vector<StreamSource> sources_;
  std::uint64_t seed_;
  std::int32_t pad_;
  std::int64_t sequence_ = 0;
  StreamPosition position_;
  std::vector<Window> windows_;
};

// Windows of a shard in file order, for validation, where every target weighs 1; at most
// `max_tokens` targets.
std::vector<Batch> validation_batches(const TokenShard& shard, Packing packing,
                                      std::int64_t sequence, std::int64_t max_tokens,
                                      std::int64_t rows, std::int32_t pad);

}  // namespace kith::train
