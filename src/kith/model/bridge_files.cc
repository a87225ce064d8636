#include "kith/model/bridge_files.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kith/base/fingerprint.h"
#include "kith/base/log.h"
#include "kith/tensor/dtype.h"

namespace kith::model {
namespace {

constexpr const char* kPickleFile = "bridge_model.bin";

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

std::string to_string(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (const std::int64_t size : shape) {
    text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  }
  return text + "]";
}

Status check_files(const std::filesystem::path& dir) {
  std::error_code ignored;
  if (!std::filesystem::exists(dir / kBridgeWeightsFile, ignored) &&
      std::filesystem::exists(dir / kPickleFile, ignored)) {
    return invalid("pickled weights can run code and are not loaded: save the bridge as " +
                   std::string(kBridgeWeightsFile));
  }
  return {};
}

}  // namespace

Result<BridgeFiles> BridgeFiles::open(const std::filesystem::path& dir) {
  const auto fail = [&dir](Error error) {
    return std::move(error).with_context("loading bridge " + dir.string());
  };
  if (auto status = check_files(dir); !status) return fail(std::move(status).error());
  auto config_text = base::read_file(dir / kBridgeConfigFile);
  if (!config_text) return fail(std::move(config_text).error());
  auto weights = base::MappedFile::open(dir / kBridgeWeightsFile);
  if (!weights) return fail(std::move(weights).error());
  return BridgeFiles{*std::move(config_text), *std::move(weights),
                     (dir / "").parent_path().filename().string()};
}

std::string bridge_version(std::string_view config_text, std::span<const std::byte> weights) {
  return base::to_hex(
      base::hash_bytes({reinterpret_cast<const char*>(weights.data()), weights.size()},
                       base::hash_bytes(config_text)));
}

// Keys are a stranger's text: a few short ones are enough to see what is going on.
void log_ignored_keys(const std::vector<std::string>& keys) {
  if (keys.empty()) return;
  std::string message = "bridge_config.json: ignored keys:";
  const std::size_t shown = std::min<std::size_t>(keys.size(), 10);
  for (std::size_t i = 0; i < shown; ++i) message += " " + keys[i].substr(0, 60);
  base::log_info(message);
}

Result<std::vector<float>> BridgeTensors::read(const std::string& name,
                                               const std::vector<std::int64_t>& shape) {
  const auto it = header_.tensors.find(name);
  if (it == header_.tensors.end()) return invalid("the bridge lacks tensor " + name);
  read_.insert(name);
  const tensor::TensorInfo& info = it->second;
  if (!tensor::is_weight_dtype(info.dtype)) {
    return invalid("tensor " + name +
                   " must be F32, F16 or BF16: " + std::string(tensor::dtype_name(info.dtype)));
  }
  if (info.shape != shape) {
    return invalid("tensor " + name + " must have shape " + to_string(shape) + ": " +
                   to_string(info.shape));
  }
  const std::size_t size = info.end - info.begin;
  std::vector<float> values(size / tensor::dtype_size(info.dtype));
  tensor::convert_to_f32(bytes_.subspan(info.begin, size), info.dtype, values);
  if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
    return invalid("tensor " + name + " must hold finite numbers");
  }
  return values;
}

Status BridgeTensors::check_all_read() const {
  for (const auto& [name, info] : header_.tensors) {
    if (!read_.contains(name)) {
      return invalid("a tensor belongs to no layer of the bridge: " + name.substr(0, 200));
    }
  }
  return {};
}

}  // namespace kith::model
