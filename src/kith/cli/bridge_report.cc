#include "kith/cli/bridge_report.h"

#include <system_error>

#include "kith/model/bridge.h"
#include "kith/runtime/model_settings.h"

namespace kith::cli {
namespace {

Result<model::Bridge> load(const runtime::Config& config, const std::filesystem::path& dir) {
  if (!config.upstream.url.empty()) {
    model::Bridge bridge;
    KITH_ASSIGN_OR_RETURN(bridge.soft_prompt, model::SoftPromptBridge::load(dir));
    return bridge;
  }
  KITH_ASSIGN_OR_RETURN(const auto decoder,
                        model::load_decoder_config(runtime::model_directory(config)));
  return model::load_bridge(dir, decoder, {});
}

}  // namespace

bool is_bridge(const std::filesystem::path& dir) {
  std::error_code error;
  return std::filesystem::exists(dir / "bridge_config.json", error);
}

Result<base::OrderedJson> describe_bridge(const runtime::Config& config,
                                          const std::filesystem::path& dir) {
  KITH_ASSIGN_OR_RETURN(const model::Bridge bridge, load(config, dir));
  const bool is_prompt = bridge.type() == model::BridgeType::kSoftPrompt;
  base::OrderedJson json{{"directory", dir.string()},
                         {"bridge", is_prompt ? "soft_prompt" : "gated_cross_attention"},
                         {"version", bridge.version()},
                         {"bytes", bridge.bytes()},
                         {"memory_width", bridge.memory_width()}};
  if (is_prompt) json["memory_rows"] = bridge.memory_rows();
  if (!is_prompt) json["open_layers"] = bridge.cross_attention->layers().size();
  if (!bridge.encoder_version().empty()) json["encoder_version"] = bridge.encoder_version();
  return json;
}

}  // namespace kith::cli
