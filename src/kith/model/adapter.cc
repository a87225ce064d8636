#include "kith/model/adapter.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "kith/base/check.h"
#include "kith/base/file.h"
#include "kith/base/fingerprint.h"
#include "kith/base/log.h"
#include "kith/model/adapter_config.h"
#include "kith/tensor/huge_pages.h"
#include "kith/tensor/safetensors.h"

namespace kith::model {
namespace {

constexpr const char* kConfigFile = "adapter_config.json";
constexpr const char* kWeightsFile = "adapter_model.safetensors";
constexpr const char* kPickleFile = "adapter_model.bin";
constexpr std::string_view kKeyPrefix = "base_model.model.";
// In the order of Target.
constexpr std::array<std::string_view, kNumTargets> kModules{
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
    "mlp.gate_proj",    "mlp.up_proj",      "mlp.down_proj"};

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

// What a tensor's name says.
struct Key {
  std::string module;  // e.g. model.layers.0.self_attn.q_proj
  int layer = 0;
  Target target = Target::kQ;
  bool is_a = false;
};

bool remove_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

bool remove_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// base_model.model.model.layers.<n>.<module>.lora_<A|B>[.default].weight
std::optional<Key> parse_key(std::string_view name, int num_layers) {
  Key key;
  if (!remove_prefix(name, kKeyPrefix) || !remove_suffix(name, ".weight")) return std::nullopt;
  remove_suffix(name, ".default");
  key.is_a = remove_suffix(name, ".lora_A");
  if (!key.is_a && !remove_suffix(name, ".lora_B")) return std::nullopt;
  key.module = std::string(name);
  if (!remove_prefix(name, "model.layers.")) return std::nullopt;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), key.layer);
  if (error != std::errc{} || key.layer < 0 || key.layer >= num_layers) return std::nullopt;
  name.remove_prefix(static_cast<std::size_t>(end - name.data()));
  if (!remove_prefix(name, ".")) return std::nullopt;
  const auto it = std::find(kModules.begin(), kModules.end(), name);
  if (it == kModules.end()) return std::nullopt;
  key.target = static_cast<Target>(it - kModules.begin());
  return key;
}

int input_size(Target target, const DecoderConfig& config) {
  if (target == Target::kO) return config.q_size();
  return target == Target::kDown ? config.intermediate_size : config.hidden_size;
}

int output_size(Target target, const DecoderConfig& config) {
  switch (target) {
    case Target::kQ:
      return config.q_size();
    case Target::kK:
    case Target::kV:
      return config.kv_size();
    case Target::kGate:
    case Target::kUp:
      return config.intermediate_size;
    default:
      return config.hidden_size;
  }
}

std::vector<float> read_matrix(const tensor::TensorView& view) {
  std::vector<float> values(static_cast<std::size_t>(view.num_elements()));
  tensor::convert_to_f32(view.bytes, view.dtype, values);
  return values;
}

// The two halves of one module's update.
struct Pair {
  Key key;
  std::optional<tensor::TensorView> a;
  std::optional<tensor::TensorView> b;
};

Result<nn::Lora> make_lora(const Pair& pair, const AdapterConfig& settings,
                           const DecoderConfig& config, tensor::DType storage) {
  const std::string& module = pair.key.module;
  if (!pair.a || !pair.b) return invalid("lora_A and lora_B must both be there: " + module);
  if (!tensor::is_weight_dtype(pair.a->dtype) || !tensor::is_weight_dtype(pair.b->dtype)) {
    return invalid("weights must be F32, F16 or BF16: " + module);
  }
  const int rank = settings.rank_of(module);
  const std::array<std::int64_t, 2> a_shape{rank, input_size(pair.key.target, config)};
  const std::array<std::int64_t, 2> b_shape{output_size(pair.key.target, config), rank};
  if (!std::equal(a_shape.begin(), a_shape.end(), pair.a->shape.begin(), pair.a->shape.end()) ||
      !std::equal(b_shape.begin(), b_shape.end(), pair.b->shape.begin(), pair.b->shape.end())) {
    return invalid("shapes must be [" + std::to_string(a_shape[0]) + ", " +
                   std::to_string(a_shape[1]) + "] and [" + std::to_string(b_shape[0]) + ", " +
                   std::to_string(b_shape[1]) + "]: " + module);
  }
  return nn::pack_lora(read_matrix(*pair.a), read_matrix(*pair.b), rank,
                       static_cast<float>(settings.scale_of(module, rank)), storage);
}

Result<std::map<std::string, Pair>> collect_pairs(const tensor::SafetensorsFile& file,
                                                  const DecoderConfig& config) {
  std::map<std::string, Pair> pairs;
  for (const auto& [name, info] : file.header().tensors) {
    const auto key = parse_key(name, config.num_layers);
    if (!key) {
      return invalid(
          "a tensor belongs to no q, k, v, o, gate, up or down projection of the decoder: " +
          name.substr(0, 200));
    }
    Pair& pair = pairs[key->module];
    pair.key = *key;
    auto& half = key->is_a ? pair.a : pair.b;
    if (half) return invalid("a tensor occurs twice, with and without adapter name: " + name);
    half = file.find(name);
  }
  if (pairs.empty()) return invalid("the adapter holds no tensors");
  return pairs;
}

// Keys are a stranger's text: a few short ones are enough to see what is going on.
void log_ignored_keys(const AdapterConfig& settings) {
  if (settings.ignored_keys.empty()) return;
  std::string message = "adapter_config.json: ignored keys:";
  const std::size_t shown = std::min<std::size_t>(settings.ignored_keys.size(), 10);
  for (std::size_t i = 0; i < shown; ++i) message += " " + settings.ignored_keys[i].substr(0, 60);
  base::log_info(message);
}

Status check_files(const std::filesystem::path& dir) {
  std::error_code ignored;
  if (!std::filesystem::exists(dir / kWeightsFile, ignored) &&
      std::filesystem::exists(dir / kPickleFile, ignored)) {
    return invalid("pickled weights can run code and are not loaded: save the adapter as " +
                   std::string(kWeightsFile));
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<const Adapter>> Adapter::load(const std::filesystem::path& dir,
                                                     const DecoderConfig& config,
                                                     tensor::DType storage) {
  const auto fail = [&dir](Error error) {
    return std::move(error).with_context("loading adapter " + dir.string());
  };
  if (auto status = check_files(dir); !status) return fail(std::move(status).error());
  auto config_text = base::read_file(dir / kConfigFile);
  if (!config_text) return fail(std::move(config_text).error());
  auto settings = parse_adapter_config(*config_text);
  if (!settings) return fail(std::move(settings).error());
  log_ignored_keys(*settings);
  auto file = tensor::SafetensorsFile::open(dir / kWeightsFile);
  if (!file) return fail(std::move(file).error());
  auto pairs = collect_pairs(*file, config);
  if (!pairs) return fail(std::move(pairs).error());

  const tensor::HugePageScope apart;
  std::shared_ptr<Adapter> adapter(new Adapter);
  adapter->layers_.resize(static_cast<std::size_t>(config.num_layers));
  for (const auto& [module, pair] : *pairs) {
    auto lora = make_lora(pair, *settings, config, storage);
    if (!lora) return fail(std::move(lora).error());
    adapter->bytes_ += lora->bytes();
    adapter->max_rank_ = std::max(adapter->max_rank_, lora->rank);
    adapter->layers_[static_cast<std::size_t>(pair.key.layer)]
                    [static_cast<std::size_t>(pair.key.target)] = *std::move(lora);
  }
  adapter->config_ = config;
  adapter->name_ = (dir / "").parent_path().filename().string();
  const auto bytes = file->bytes();
  adapter->version_ = base::to_hex(base::hash_bytes(
      {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, base::hash_bytes(*config_text)));
  return std::shared_ptr<const Adapter>(std::move(adapter));
}

const nn::Lora* Adapter::find_lora(int layer, Target target) const {
  KITH_CHECK(layer >= 0 && layer < config_.num_layers, "no such layer");
  const nn::Lora& lora = layers_[static_cast<std::size_t>(layer)][static_cast<std::size_t>(target)];
  return lora.rank > 0 ? &lora : nullptr;
}

}  // namespace kith::model
