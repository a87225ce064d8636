#include "kith/tuning/scaled_adapter.h"

#include <cmath>
#include <string>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/new_directory.h"

namespace kith::tuning {
namespace {

namespace fs = std::filesystem;
using base::OrderedJson;

constexpr const char* kConfig = "adapter_config.json";

// Other programs declare it as a whole number.
OrderedJson scaled(const OrderedJson& alpha, double share) {
  const double value = alpha.get<double>() * share;
  if (value == std::floor(value)) return OrderedJson(static_cast<std::int64_t>(value));
  return OrderedJson(value);
}

Result<std::string> scaled_config(const std::string& text, double share) {
  KITH_ASSIGN_OR_RETURN(OrderedJson config, base::parse_ordered_json(text));
  if (!config.is_object() || !config.contains("lora_alpha") || !config["lora_alpha"].is_number()) {
    return Error{ErrorCode::kInvalidArgument, std::string(kConfig) + " has no lora_alpha"};
  }
  config["lora_alpha"] = scaled(config["lora_alpha"], share);
  if (config.contains("alpha_pattern") && config["alpha_pattern"].is_object()) {
    for (auto& [module, alpha] : config["alpha_pattern"].items()) {
      if (alpha.is_number()) alpha = scaled(alpha, share);
    }
  }
  return config.dump(2) + "\n";
}

}  // namespace

Status write_scaled_adapter(const fs::path& source, double share, const fs::path& target) {
  if (!(share > 0.0 && share <= 1.0)) {
    return Error{ErrorCode::kInvalidArgument,
                 "the share of an update must be in (0, 1]: " + std::to_string(share)};
  }
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(source / kConfig));
  KITH_ASSIGN_OR_RETURN(const std::string config, scaled_config(text, share));
  KITH_ASSIGN_OR_RETURN(auto directory, base::NewDirectory::create(target, kConfig));
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(source, error)) {
    if (entry.path().filename() == kConfig) continue;
    fs::copy_file(entry.path(), directory.path() / entry.path().filename(), error);
    if (error) break;
  }
  if (error) return Error{ErrorCode::kUnavailable, source.string() + ": " + error.message()};
  KITH_RETURN_IF_ERROR(base::write_file_atomically(directory.path() / kConfig, config));
  return directory.commit();
}

}  // namespace kith::tuning
