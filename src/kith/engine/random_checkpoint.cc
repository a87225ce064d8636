#include "kith/engine/random_checkpoint.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <utility>
#include <vector>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/new_directory.h"
#include "kith/base/rng.h"
#include "kith/model/quantize.h"
#include "kith/tensor/safetensors.h"

namespace kith::engine {
namespace {

namespace fs = std::filesystem;
using base::OrderedJson;
using tensor::DType;

// Part of a directory's name: another number makes the checkpoints anew.
constexpr int kVersion = 1;

constexpr std::array<RandomShape, 4> kShapes{{
    {"tiny", 4, 128, 352, 4, 2, 512},
    {"135m", 30, 576, 1536, 9, 3, 49'152},
    {"360m", 32, 960, 2560, 15, 5, 49'152},
    {"1b", 16, 2048, 8192, 32, 8, 128'256},
}};

constexpr std::array<const char*, 3> kControlTokens{"<|endoftext|>", "<|im_start|>", "<|im_end|>"};

struct Projection {
  std::string name;
  int in = 0;
  int out = 0;
};

std::vector<Projection> projections(const RandomShape& shape) {
  const int kv = shape.num_kv_heads * shape.head_dim();
  const int width = shape.hidden_size;
  const int inner = shape.intermediate_size;
  return {{"self_attn.q_proj", width, width}, {"self_attn.k_proj", width, kv},
          {"self_attn.v_proj", width, kv},    {"self_attn.o_proj", width, width},
          {"mlp.gate_proj", width, inner},    {"mlp.up_proj", width, inner},
          {"mlp.down_proj", inner, width}};
}

// Normal deviates of standard deviation 0.02 in bf16: drawn from a table, because a large
// checkpoint holds a thousand million of them.
class RandomBf16 {
 public:
  explicit RandomBf16(std::uint64_t seed) : rng_(seed) {
    for (std::uint16_t& entry : table_) {
      const double radius = std::sqrt(-2.0 * std::log(1.0 - rng_.uniform()));
      const double value = 0.02 * radius * std::cos(2.0 * std::numbers::pi * rng_.uniform());
      entry =
          static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(value)) >> 16);
    }
  }

  void fill(std::span<std::uint16_t> values) {
    for (std::size_t i = 0; i < values.size();) {
      std::uint64_t bits = rng_();
      for (int part = 0; part < 64 / kTableBits && i < values.size(); ++part) {
        values[i++] = table_[bits % kTableSize];
        bits >>= kTableBits;
      }
    }
  }

 private:
  static constexpr int kTableBits = 12;
  static constexpr std::size_t kTableSize = std::size_t{1} << kTableBits;

  base::Rng rng_;
  std::array<std::uint16_t, kTableSize> table_{};
};

// Writes tensors of random values; names that end in "norm.weight" are ones.
Status write_tensors(const fs::path& path, const std::vector<tensor::TensorPlan>& plans,
                     std::uint64_t seed) {
  constexpr std::uint16_t kOne = 0x3F80;
  RandomBf16 random(seed);
  KITH_ASSIGN_OR_RETURN(auto writer, tensor::SafetensorsWriter::create(path, plans));
  std::vector<std::uint16_t> values;
  for (const tensor::TensorPlan& plan : plans) {
    std::size_t count = 1;
    for (const std::int64_t size : plan.shape) count *= static_cast<std::size_t>(size);
    values.assign(count, kOne);
    if (!plan.name.ends_with("norm.weight")) random.fill(values);
    KITH_RETURN_IF_ERROR(writer.append(std::as_bytes(std::span(values))));
  }
  return writer.finish();
}

Status write_weights(const RandomShape& shape, const fs::path& dir, std::uint64_t seed) {
  std::vector<tensor::TensorPlan> plans;
  const auto add = [&plans](const std::string& name, std::vector<std::int64_t> sizes) {
    plans.push_back({name, DType::kBf16, std::move(sizes)});
  };
  add("model.embed_tokens.weight", {shape.vocab_size, shape.hidden_size});
  for (int layer = 0; layer < shape.num_layers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    add(prefix + "input_layernorm.weight", {shape.hidden_size});
    add(prefix + "post_attention_layernorm.weight", {shape.hidden_size});
    for (const Projection& map : projections(shape)) {
      add(prefix + map.name + ".weight", {map.out, map.in});
    }
  }
  add("model.norm.weight", {shape.hidden_size});
  return write_tensors(dir / "model.safetensors", plans, seed);
}

Status write_json(const fs::path& path, const OrderedJson& json) {
  return base::write_file_atomically(path, base::dump_json(json) + "\n");
}

Status write_config(const RandomShape& shape, const fs::path& dir) {
  return write_json(dir / "config.json", {{"architectures", {"LlamaForCausalLM"}},
                                          {"model_type", "llama"},
                                          {"hidden_size", shape.hidden_size},
                                          {"intermediate_size", shape.intermediate_size},
                                          {"num_hidden_layers", shape.num_layers},
                                          {"num_attention_heads", shape.num_heads},
                                          {"num_key_value_heads", shape.num_kv_heads},
                                          {"head_dim", shape.head_dim()},
                                          {"vocab_size", shape.vocab_size},
                                          {"max_position_embeddings", 8192},
                                          {"rms_norm_eps", 1e-5},
                                          {"rope_theta", 100000.0},
                                          {"hidden_act", "silu"},
                                          {"tie_word_embeddings", true},
                                          {"attention_bias", false},
                                          {"mlp_bias", false},
                                          {"eos_token_id", shape.vocab_size - 1},
                                          {"torch_dtype", "bfloat16"}});
}

std::string to_utf8(unsigned code_point) {
  if (code_point < 0x80) return std::string(1, static_cast<char>(code_point));
  return {static_cast<char>(0xC0 | (code_point >> 6)),
          static_cast<char>(0x80 | (code_point & 0x3F))};
}

// The letters that stand for the 256 bytes in byte-level BPE, in the order of the bytes.
std::vector<std::string> byte_letters() {
  const auto is_printable = [](unsigned byte) {
    return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  };
  std::vector<std::string> letters;
  unsigned next = 256;
  for (unsigned byte = 0; byte < 256; ++byte) {
    letters.push_back(to_utf8(is_printable(byte) ? byte : next++));
  }
  return letters;
}

OrderedJson byte_level(bool adds_space) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", adds_space},
          {"trim_offsets", true},
          {"use_regex", true}};
}

Status write_tokenizer(const RandomShape& shape, const fs::path& dir) {
  const int num_plain = shape.vocab_size - static_cast<int>(kControlTokens.size());
  OrderedJson vocabulary = OrderedJson::object();
  // Appended and not looked up: an ordered object finds a name by going through all.
  auto& entries = vocabulary.get_ref<OrderedJson::object_t&>();
  const std::vector<std::string> letters = byte_letters();
  for (int id = 0; id < num_plain; ++id) {
    const auto index = static_cast<std::size_t>(id);
    entries.push_back(
        {index < letters.size() ? letters[index] : "<filler" + std::to_string(id) + ">", id});
  }
  OrderedJson added = OrderedJson::array();
  for (std::size_t i = 0; i < kControlTokens.size(); ++i) {
    added.push_back({{"id", num_plain + static_cast<int>(i)},
                     {"content", kControlTokens[i]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  KITH_RETURN_IF_ERROR(write_json(
      dir / "tokenizer.json",
      {{"version", "1.0"},
       {"added_tokens", added},
       {"normalizer", nullptr},
       {"pre_tokenizer", byte_level(false)},
       {"post_processor", nullptr},
       {"decoder", byte_level(true)},
       {"model",
        {{"type", "BPE"}, {"vocab", std::move(vocabulary)}, {"merges", OrderedJson::array()}}}}));
  const char* chat_template =
      "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + "
      "message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
      "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
  return write_json(dir / "tokenizer_config.json", {{"tokenizer_class", "PreTrainedTokenizerFast"},
                                                    {"eos_token", "<|im_end|>"},
                                                    {"chat_template", chat_template}});
}

Status write_adapter(const RandomShape& shape, const fs::path& dir, int rank, std::uint64_t seed) {
  std::vector<tensor::TensorPlan> plans;
  for (int layer = 0; layer < shape.num_layers; ++layer) {
    for (const Projection& map : projections(shape)) {
      const std::string key =
          "base_model.model.model.layers." + std::to_string(layer) + "." + map.name;
      plans.push_back({key + ".lora_A.weight", DType::kBf16, {rank, map.in}});
      plans.push_back({key + ".lora_B.weight", DType::kBf16, {map.out, rank}});
    }
  }
  KITH_RETURN_IF_ERROR(write_tensors(dir / "adapter_model.safetensors", plans, seed));
  OrderedJson targets = OrderedJson::array();
  for (const Projection& map : projections(shape)) {
    targets.push_back(map.name.substr(map.name.find('.') + 1));
  }
  return write_json(dir / "adapter_config.json", {{"peft_type", "LORA"},
                                                  {"task_type", "CAUSAL_LM"},
                                                  {"r", rank},
                                                  {"lora_alpha", 2 * rank},
                                                  {"lora_dropout", 0.0},
                                                  {"bias", "none"},
                                                  {"target_modules", targets}});
}

Status make_directory(const fs::path& dir) {
  std::error_code error;
  fs::create_directories(dir, error);
  if (!error) return {};
  return Error{ErrorCode::kUnavailable, "cannot make " + dir.string() + ": " + error.message()};
}

std::string two_digits(int number) { return (number < 10 ? "0" : "") + std::to_string(number); }

bool is_checkpoint(const fs::path& dir) {
  std::error_code error;
  return fs::exists(dir / "config.json", error);
}

// Another process may have made it meanwhile.
Status unless_there(Status made, const fs::path& dir) {
  if (!made && is_checkpoint(dir)) return {};
  return made;
}

}  // namespace

std::span<const RandomShape> random_shapes() { return kShapes; }

const RandomShape* find_random_shape(std::string_view name) {
  const auto found = std::find_if(kShapes.begin(), kShapes.end(),
                                  [name](const RandomShape& shape) { return shape.name == name; });
  return found == kShapes.end() ? nullptr : &*found;
}

Status write_random_checkpoint(const RandomShape& shape, const fs::path& dir,
                               const RandomCheckpointOptions& options) {
  KITH_RETURN_IF_ERROR(write_config(shape, dir));
  KITH_RETURN_IF_ERROR(write_tokenizer(shape, dir));
  KITH_RETURN_IF_ERROR(write_weights(shape, dir, options.seed));
  for (int i = 0; i < options.num_adapters; ++i) {
    const fs::path adapter = dir / "adapters" / ("a" + two_digits(i));
    KITH_RETURN_IF_ERROR(make_directory(adapter));
    KITH_RETURN_IF_ERROR(write_adapter(shape, adapter, options.rank,
                                       options.seed + 1 + static_cast<std::uint64_t>(i)));
  }
  return {};
}

fs::path default_bench_cache() {
  const auto variable = [](const char* name) -> fs::path {
    const char* value = std::getenv(name);
    return value == nullptr ? fs::path() : fs::path(value);
  };
  if (const fs::path cache = variable("XDG_CACHE_HOME"); !cache.empty()) {
    return cache / "kith" / "bench";
  }
  if (const fs::path home = variable("HOME"); !home.empty()) {
    return home / ".cache" / "kith" / "bench";
  }
  return fs::temp_directory_path() / "kith-bench";
}

Result<fs::path> cached_checkpoint(const RandomShape& shape, DType weights, const fs::path& cache) {
  const std::string name = std::string(shape.name) + "-v" + std::to_string(kVersion);
  const bool is_int8 = weights == DType::kInt8;
  const fs::path target = cache / (name + (is_int8 ? "-int8" : "-bf16"));
  if (is_checkpoint(target)) return target;
  KITH_RETURN_IF_ERROR(make_directory(cache));
  // Removed at the end, unless it is what was asked for.
  KITH_ASSIGN_OR_RETURN(auto plain,
                        base::NewDirectory::create(is_int8 ? cache / (name + "-source") : target));
  KITH_RETURN_IF_ERROR(write_random_checkpoint(shape, plain.path()));
  if (!is_int8) {
    KITH_RETURN_IF_ERROR(unless_there(plain.commit(), target));
    return target;
  }
  const auto quantized = model::quantize_checkpoint(plain.path(), target);
  KITH_RETURN_IF_ERROR(unless_there(quantized ? Status() : Status(quantized.error()), target));
  return target;
}

}  // namespace kith::engine
