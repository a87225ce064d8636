// Feeds arbitrary bytes to the reader of PEFT directories: the text of adapter_config.json, a zero
// byte, and adapter_model.safetensors. However weights are held, the same directories are taken.
// The corpus is testdata/fuzz_adapter.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "kith/base/check.h"
#include "kith/base/fuzz_input.h"
#include "kith/base/test_directory.h"
#include "kith/model/adapter.h"

namespace {

namespace model = kith::model;
using kith::tensor::DType;

model::DecoderConfig small_decoder() {
  model::DecoderConfig decoder;
  decoder.hidden_size = 4;
  decoder.intermediate_size = 6;
  decoder.num_layers = 2;
  decoder.num_heads = 2;
  decoder.num_kv_heads = 1;
  decoder.head_dim = 2;
  return decoder;
}

void check(const model::Adapter& adapter, const model::DecoderConfig& decoder) {
  int max_rank = 0;
  std::size_t bytes = 0;
  for (int layer = 0; layer < decoder.num_layers; ++layer) {
    for (int target = 0; target < model::kNumTargets; ++target) {
      const auto* lora = adapter.find_lora(layer, static_cast<model::Target>(target));
      if (lora == nullptr) continue;
      KITH_CHECK(lora->in == 4 || lora->in == 6, "inputs are the decoder's");
      KITH_CHECK(lora->out == 2 || lora->out == 4 || lora->out == 6, "outputs are the decoder's");
      max_rank = std::max(max_rank, lora->rank);
      bytes += lora->bytes();
    }
  }
  KITH_CHECK(max_rank > 0 && adapter.max_rank() == max_rank, "an adapter changes something");
  KITH_CHECK(adapter.bytes() == bytes, "its memory is counted");
  KITH_CHECK(adapter.version().size() == 16, "versions have 16 digits");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const kith::base::TestDirectory directory;
  const model::DecoderConfig decoder = small_decoder();
  kith::base::FuzzInput input(data, size);
  directory.write("adapter_config.json", std::string(input.take_until('\0')));
  directory.write("adapter_model.safetensors", std::string(input.rest()));

  const auto adapter = model::Adapter::load(directory.path(), decoder, DType::kF32);
  if (!adapter) kith::base::check_refusal(adapter.error());
  if (adapter) check(**adapter, decoder);
  // One of them by turns: reading files is what takes the time.
  const auto other =
      model::Adapter::load(directory.path(), decoder, size % 2 == 0 ? DType::kBf16 : DType::kInt8);
  KITH_CHECK(other.has_value() == adapter.has_value(), "all ways to hold it take it");
  if (!other) return 0;
  check(**other, decoder);
  KITH_CHECK((*other)->version() == (*adapter)->version(), "a version is that of the bytes");
  return 0;
}
