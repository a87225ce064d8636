// What the engine needs of a model: one step over a batch. A port, so that scheduling is tested
// without weights.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kith/base/result.h"
#include "kith/model/decoder.h"

namespace kith::engine {

// Called from the engine's thread only, but for the sizes, which never change.
class StepModel {
 public:
  virtual ~StepModel() = default;

  virtual int vocab_size() const = 0;
  // Longest sequence, prompt and answer together.
  virtual int max_positions() const = 0;
  virtual int num_blocks() const = 0;

  // Whether sequences may attend to memories through this bridge; by default to none. Called from
  // any thread. Errors: kInvalidArgument saying why not.
  virtual Status check_bridge(const model::MemoryBridge&) const {
    return Error{ErrorCode::kInvalidArgument, "the model attends to no memories"};
  }

  // As model::Decoder::forward.
  virtual Status forward(std::span<const model::Chunk> batch, std::vector<float>& logits) = 0;
  // Copies a cache block in all layers.
  virtual void copy_block(std::int32_t from, std::int32_t to) = 0;
};

// A decoder with its cache.
class DecoderStepModel final : public StepModel {
 public:
  DecoderStepModel(std::shared_ptr<model::Decoder> decoder, int num_blocks)
      : decoder_(std::move(decoder)), cache_(decoder_->make_cache(num_blocks)) {}

  int vocab_size() const override { return decoder_->config().vocab_size; }
  int max_positions() const override { return decoder_->config().max_positions; }
  int num_blocks() const override { return cache_.num_blocks(); }
  Status check_bridge(const model::MemoryBridge& bridge) const override {
    if (bridge.fits(decoder_->config())) return {};
    return Error{ErrorCode::kInvalidArgument,
                 "the memory's bridge was made for a decoder of another shape: " + bridge.name()};
  }
  Status forward(std::span<const model::Chunk> batch, std::vector<float>& logits) override {
    return decoder_->forward(batch, cache_, logits);
  }
  void copy_block(std::int32_t from, std::int32_t to) override { cache_.copy_block(from, to); }

 private:
  std::shared_ptr<model::Decoder> decoder_;
  nn::KvCache cache_;
};

}  // namespace kith::engine
