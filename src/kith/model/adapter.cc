#include "kith/model/adapter.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include "kith/base/check.h"
#include "kith/base/file.h"
#include "kith/base/fingerprint.h"
#include "kith/base/log.h"
#include "kith/model/adapter_config.h"
#include "kith/tensor/huge_pages.h"
#include "kith/tensor/safetensors.h"
#include "kith/text/utf8.h"

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

// A tensor of the file.
struct Half {
  std::string name;
  tensor::TensorView view;
};

// The two halves of one module's update.
struct Pair {
  Key key;
  std::optional<Half> a;
  std::optional<Half> b;
};

// What an update may hold at most: a value of A or B or the scale; an entry of scale * B A. Trained
// weights are thousands of times smaller. Within both, activations and sums in f32 stay finite
// through all layers, however an adapter is held, so no answer fails on it.
constexpr float kMaxFactor = 1e6F;
constexpr double kMaxUpdate = 1e4;

// The largest magnitudes in A's rows, or in B's columns: one for each of the `rank` directions.
// `values` are rows of `width`. Errors: kInvalidArgument naming the tensor if a value is not finite
// or too large.
Result<std::vector<float>> largest_by_rank(const Half& half, bool is_a,
                                           std::span<const float> values, std::size_t width) {
  std::vector<float> largest(is_a ? values.size() / width : width, 0.0F);
  for (std::size_t row = 0; row < values.size() / width; ++row) {
    for (std::size_t column = 0; column < width; ++column) {
      const float magnitude = std::fabs(values[row * width + column]);
      // A comparison with NaN is false.
      if (!(magnitude <= kMaxFactor)) {
        return invalid("weights must be finite and at most 1e6 in magnitude: " + half.name);
      }
      float& kept = largest[is_a ? row : column];
      kept = std::max(kept, magnitude);
    }
  }
  return largest;
}

// Errors: kInvalidArgument if the update could make numbers that are not finite.
Status check_magnitude(const Pair& pair, std::span<const float> a, std::span<const float> b,
                       int rank, double scale) {
  if (!(std::fabs(scale) <= static_cast<double>(kMaxFactor))) {
    return invalid("the scale must be finite and at most 1e6 in magnitude: " + pair.key.module);
  }
  const auto num_ranks = static_cast<std::size_t>(rank);
  KITH_ASSIGN_OR_RETURN(const auto of_a, largest_by_rank(*pair.a, true, a, a.size() / num_ranks));
  KITH_ASSIGN_OR_RETURN(const auto of_b, largest_by_rank(*pair.b, false, b, num_ranks));
  double bound = 0.0;
  for (std::size_t r = 0; r < num_ranks; ++r) {
    bound += static_cast<double>(of_a[r]) * static_cast<double>(of_b[r]);
  }
  if (bound * std::fabs(scale) <= kMaxUpdate) return {};
  return invalid("the update is too large (at most 1e4 for an entry of scale * B A): " +
                 pair.key.module);
}

Result<nn::Lora> make_lora(const Pair& pair, const AdapterConfig& settings,
                           const DecoderConfig& config, tensor::DType storage) {
  const std::string& module = pair.key.module;
  if (!pair.a || !pair.b) return invalid("lora_A and lora_B must both be there: " + module);
  const tensor::TensorView& a_view = pair.a->view;
  const tensor::TensorView& b_view = pair.b->view;
  if (!tensor::is_weight_dtype(a_view.dtype) || !tensor::is_weight_dtype(b_view.dtype)) {
    return invalid("weights must be F32, F16 or BF16: " + module);
  }
  KITH_ASSIGN_OR_RETURN(const int rank, settings.rank_of(module));
  const std::array<std::int64_t, 2> a_shape{rank, input_size(pair.key.target, config)};
  const std::array<std::int64_t, 2> b_shape{output_size(pair.key.target, config), rank};
  if (!std::equal(a_shape.begin(), a_shape.end(), a_view.shape.begin(), a_view.shape.end()) ||
      !std::equal(b_shape.begin(), b_shape.end(), b_view.shape.begin(), b_view.shape.end())) {
    return invalid("shapes must be [" + std::to_string(a_shape[0]) + ", " +
                   std::to_string(a_shape[1]) + "] and [" + std::to_string(b_shape[0]) + ", " +
                   std::to_string(b_shape[1]) + "]: " + module);
  }
  KITH_ASSIGN_OR_RETURN(const double scale, settings.scale_of(module, rank));
  const std::vector<float> a = read_matrix(a_view);
  const std::vector<float> b = read_matrix(b_view);
  KITH_RETURN_IF_ERROR(check_magnitude(pair, a, b, rank, scale));
  return nn::pack_lora(a, b, rank, static_cast<float>(scale), storage);
}

// The file of weights, read and not mapped: who copies another over it while a server reads it
// would take mapped pages away, and the server with them.
struct WeightsFile {
  std::string bytes;
  tensor::SafetensorsHeader header;

  tensor::TensorView view(const tensor::TensorInfo& info) const {
    const auto all = std::as_bytes(std::span(bytes));
    return {info.dtype, info.shape, all.subspan(info.begin, info.end - info.begin)};
  }
};

Result<WeightsFile> read_weights(const std::filesystem::path& path, const DecoderConfig& config) {
  // A and B of full rank, in f32, take twice the room of what they change.
  const std::size_t largest = tensor::kMaxSafetensorsHeader +
                              2 * sizeof(float) * static_cast<std::size_t>(config.num_parameters());
  WeightsFile file;
  KITH_ASSIGN_OR_RETURN(file.bytes, base::read_file(path, largest));
  auto header = tensor::parse_safetensors(std::as_bytes(std::span(file.bytes)));
  if (!header) return std::move(header).error().with_context(path.string());
  file.header = *std::move(header);
  return file;
}

// The views borrow from `file`.
Result<std::map<std::string, Pair>> collect_pairs(const WeightsFile& file,
                                                  const DecoderConfig& config) {
  std::map<std::string, Pair> pairs;
  for (const auto& [name, info] : file.header.tensors) {
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
    half = Half{name, file.view(info)};
  }
  if (pairs.empty()) return invalid("the adapter holds no tensors");
  return pairs;
}

// Keys are a stranger's text: a few short ones are enough to see what is going on.
void log_ignored_keys(const AdapterConfig& settings) {
  if (settings.ignored_keys.empty()) return;
  std::string message = "adapter_config.json: ignored keys:";
  const std::size_t shown = std::min<std::size_t>(settings.ignored_keys.size(), 10);
  for (std::size_t i = 0; i < shown; ++i) {
    message += " " + std::string(text::truncate_utf8(settings.ignored_keys[i], 60));
  }
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
  const auto file = read_weights(dir / kWeightsFile, config);
  if (!file) return fail(file.error());
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
  adapter->version_ = base::to_hex(base::hash_bytes(file->bytes, base::hash_bytes(*config_text)));
  return std::shared_ptr<const Adapter>(std::move(adapter));
}

const nn::Lora* Adapter::find_lora(int layer, Target target) const {
  KITH_CHECK(layer >= 0 && layer < config_.num_layers, "no such layer");
  const nn::Lora& lora = layers_[static_cast<std::size_t>(layer)][static_cast<std::size_t>(target)];
  return lora.rank > 0 ? &lora : nullptr;
}

}  // namespace kith::model
