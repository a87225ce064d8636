// Feeds arbitrary bytes, as model.safetensors, to the reader of quantised maps. What is taken has
// the size that was asked for. The corpus is testdata/fuzz_quantized.
#include <cstddef>
#include <cstdint>
#include <string>

#include "kith/base/check.h"
#include "kith/base/fuzz_input.h"
#include "kith/base/test_directory.h"
#include "kith/model/quantized_map.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace model = kith::model;
  static const kith::base::TestDirectory directory;
  directory.write("model.safetensors", {reinterpret_cast<const char*>(data), size});
  const auto file = kith::tensor::CheckpointReader::open(directory.path());
  if (!file) {
    kith::base::check_refusal(file.error());
    return 0;
  }
  for (const bool has_bias : {false, true}) {
    const model::MapNames names{.name = "m", .parts = {{"m", 3}}, .in = 4, .has_bias = has_bias};
    const auto map = model::find_quantized_map(*file, names);
    if (!map) {
      kith::base::check_refusal(map.error());
      continue;
    }
    std::size_t elements = 1;
    for (const std::int64_t extent : model::quantized_shape(map->layout, 4, 3)) {
      elements *= static_cast<std::size_t>(extent);
    }
    KITH_CHECK(map->weights.size() == elements, "weights fill their layout");
    KITH_CHECK(map->scales.size() == 3 && map->compensation.size() == 3, "each output has both");
    KITH_CHECK(map->bias.size() == (has_bias ? 3 : 0), "there is a bias where one is asked for");
    // Reads every weight, which the file must still hold.
    int sum = 0;
    for (const std::int8_t weight : map->weights) sum += weight;
    KITH_CHECK(sum >= -128 * static_cast<int>(elements), "weights can be read");
  }
  return 0;
}
