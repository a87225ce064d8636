// The two files of a bridge's directory (docs/formats/memory-bridge.md), read alike for every type
// of bridge. Internal to model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/file.h"
#include "kith/base/result.h"
#include "kith/tensor/safetensors.h"

namespace kith::model {

inline constexpr const char* kBridgeConfigFile = "bridge_config.json";
inline constexpr const char* kBridgeWeightsFile = "bridge_model.safetensors";

struct BridgeFiles {
  std::string config_text;
  base::MappedFile weights;
  // Last part of the directory's path.
  std::string name;

  // Errors: kNotFound without the two files; kInvalidArgument for pickled weights.
  static Result<BridgeFiles> open(const std::filesystem::path& dir);
};

// Hash of the bytes of both files, 16 hexadecimal digits.
std::string bridge_version(std::string_view config_text, std::span<const std::byte> weights);

// Names the members of a bridge_config.json that Kith does not know.
void log_ignored_keys(const std::vector<std::string>& keys);

// Reads the tensors of a bridge by name and remembers which were asked for. Borrows.
class BridgeTensors {
 public:
  BridgeTensors(std::span<const std::byte> bytes, const tensor::SafetensorsHeader& header)
      : bytes_(bytes), header_(header) {}

  // As f32, row-major. Errors: kInvalidArgument naming a tensor that is missing, of another shape
  // or
  //   type, or that holds a value that is not finite.
  Result<std::vector<float>> read(const std::string& name, const std::vector<std::int64_t>& shape);

  // Errors: kInvalidArgument naming a tensor that nobody has read.
  Status check_all_read() const;

 private:
  std::span<const std::byte> bytes_;
  const tensor::SafetensorsHeader& header_;
  std::set<std::string, std::less<>> read_;
};

}  // namespace kith::model
