// A memory bridge: gated cross-attention from chosen layers of a decoder to a memory (User-LLM,
// Ning et al. 2024; the tanh gate of Flamingo, Alayrac et al. 2022), read from a directory beside
// the base model (docs/formats/memory-bridge.md). In a chosen layer, between self-attention and the
// feed-forward part,
//   h += tanh(gate) * O softmax((Q norm(h)) (K m)^T / sqrt(head_dim)) (V m)
// for the rows m of the memory. A gate of zero leaves the decoder's results as they are, bit for
// bit.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"
#include "kith/model/bridge_config.h"
#include "kith/model/config.h"
#include "kith/model/memory_matrix.h"
#include "kith/nn/kv_cache.h"
#include "kith/tensor/linear.h"

namespace kith::model {

// The weights of one layer whose gate is not zero.
struct BridgeLayer {
  // Of the decoder.
  int layer = 0;
  // Among those of the bridge: the layer's place in ProjectedMemory::kv().
  int slot = 0;
  std::vector<float> norm;  // [hidden]
  tensor::Linear q;         // hidden -> q_size
  tensor::Linear kv;        // memory width -> 2 kv_size, the keys first
  tensor::Linear o;         // q_size -> hidden, times tanh(gate)

  std::size_t bytes() const;
};

class ProjectedMemory;

// Immutable; const members may be called from any thread. Share it as
// shared_ptr<const MemoryBridge>: a request keeps the version it began with.
class MemoryBridge final : public std::enable_shared_from_this<MemoryBridge> {
 public:
  // `options` say how the weights are held, best as the decoder's are.
  // Errors: kNotFound without the two files; those of parse(); kInvalidArgument for pickled
  //   weights.
  static Result<std::shared_ptr<const MemoryBridge>> load(const std::filesystem::path& dir,
                                                          const DecoderConfig& decoder,
                                                          const tensor::LinearOptions& options);

  // The same from the bytes of bridge_config.json and bridge_model.safetensors, which need not
  // outlive the call.
  // Errors: kInvalidArgument naming what is wrong: those of parse_bridge_config() and
  //   parse_safetensors(), a decoder of another shape, a tensor that is missing, unknown, of a
  //   wrong shape or type, or holds a value that is not finite.
  static Result<std::shared_ptr<const MemoryBridge>> parse(std::string_view config_text,
                                                           std::span<const std::byte> weights,
                                                           const DecoderConfig& decoder,
                                                           const tensor::LinearOptions& options);

  const BridgeConfig& config() const { return config_; }
  // Last part of the directory's path; empty after parse().
  const std::string& name() const { return name_; }
  // Hash of the bytes of both files, 16 hexadecimal digits: a part of every cache key.
  const std::string& version() const { return version_; }
  // Memory held by the weights.
  std::size_t bytes() const;

  // Whether it was made for a decoder of this shape.
  bool fits(const DecoderConfig& decoder) const;
  // Null where the decoder does without: not a chosen layer, or one whose gate is zero.
  const BridgeLayer* find_layer(int layer) const;
  // Those whose gate is not zero, in the order of their slots.
  std::span<const BridgeLayer> layers() const { return layers_; }

  // The keys and values of a memory in every layer: done once, used by every token. Computes on the
  // calling thread; best the one that runs the decoder, see Decoder.
  // Errors: kInvalidArgument for another width; kInternal if a product fails.
  Result<std::shared_ptr<const ProjectedMemory>> project(const MemoryMatrix& memory) const;

 private:
  MemoryBridge() = default;
  static Result<std::shared_ptr<MemoryBridge>> read(std::string_view config_text,
                                                    std::span<const std::byte> weights,
                                                    const DecoderConfig& decoder,
                                                    const tensor::LinearOptions& options);

  BridgeConfig config_;
  std::string name_;
  std::string version_;
  std::vector<BridgeLayer> layers_;
};

}  // namespace kith::model
