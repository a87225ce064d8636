#include "kith/model/bridge.h"

#include "kith/base/file.h"
#include "kith/model/bridge_files.h"

namespace kith::model {

BridgeType Bridge::type() const {
  return soft_prompt != nullptr ? BridgeType::kSoftPrompt : BridgeType::kGatedCrossAttention;
}

const std::string& Bridge::name() const {
  return soft_prompt != nullptr ? soft_prompt->name() : cross_attention->name();
}

const std::string& Bridge::version() const {
  return soft_prompt != nullptr ? soft_prompt->version() : cross_attention->version();
}

int Bridge::memory_width() const {
  return soft_prompt != nullptr ? soft_prompt->config().memory_width
                                : cross_attention->config().memory_width;
}

int Bridge::memory_rows() const { return soft_prompt != nullptr ? soft_prompt->config().rows : 0; }

const std::string& Bridge::encoder_version() const {
  return soft_prompt != nullptr ? soft_prompt->config().encoder_version
                                : cross_attention->config().encoder_version;
}

std::size_t Bridge::bytes() const {
  return soft_prompt != nullptr ? soft_prompt->bytes() : cross_attention->bytes();
}

Result<Bridge> load_bridge(const std::filesystem::path& dir, const DecoderConfig& decoder,
                           const tensor::LinearOptions& options) {
  const std::string context = "loading bridge " + dir.string();
  const auto config_text = base::read_file(dir / kBridgeConfigFile);
  if (!config_text) return Error(config_text.error()).with_context(context);
  const auto type = parse_bridge_type(*config_text);
  if (!type) return Error(type.error()).with_context(context);
  Bridge bridge;
  if (*type == BridgeType::kGatedCrossAttention) {
    KITH_ASSIGN_OR_RETURN(bridge.cross_attention, MemoryBridge::load(dir, decoder, options));
    return bridge;
  }
  KITH_ASSIGN_OR_RETURN(bridge.soft_prompt, SoftPromptBridge::load(dir));
  const int hidden = bridge.soft_prompt->config().hidden_size;
  if (hidden != decoder.hidden_size) {
    return Error{ErrorCode::kInvalidArgument,
                 "the bridge was made for a decoder of another shape: hidden_size " +
                     std::to_string(hidden) + ", not " + std::to_string(decoder.hidden_size)}
        .with_context(context);
  }
  return bridge;
}

}  // namespace kith::model
