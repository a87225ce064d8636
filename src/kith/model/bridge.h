// A bridge from users' memories into a decoder, of whichever type its directory holds
// (docs/formats/memory-bridge.md).
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "kith/base/result.h"
#include "kith/model/config.h"
#include "kith/model/memory_bridge.h"
#include "kith/model/soft_prompt_bridge.h"
#include "kith/tensor/linear.h"

namespace kith::model {

// One of the two is not null.
struct Bridge {
  std::shared_ptr<const MemoryBridge> cross_attention;
  std::shared_ptr<const SoftPromptBridge> soft_prompt;

  BridgeType type() const;
  const std::string& name() const;
  const std::string& version() const;
  // Of a row of a memory.
  int memory_width() const;
  // That a memory must have; 0: any number.
  int memory_rows() const;
  // Of the encoder that it was trained with; empty: unknown.
  const std::string& encoder_version() const;
  std::size_t bytes() const;
};

// Reads what bridge_config.json says that it is, made for `decoder`; `options` as for
// MemoryBridge::load().
// Errors: those of MemoryBridge::load() and SoftPromptBridge::load(); kInvalidArgument for a
// decoder
//   of another shape.
Result<Bridge> load_bridge(const std::filesystem::path& dir, const DecoderConfig& decoder,
                           const tensor::LinearOptions& options);

}  // namespace kith::model
