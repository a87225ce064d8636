// Feeds arbitrary bytes to the readers of soft prompts: a safetensors file, and raw values. What is
// taken is finite and rectangular. The corpus is testdata/fuzz_soft_prompt.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "kith/base/check.h"
#include "kith/base/fuzz_input.h"
#include "kith/model/soft_prompt.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace model = kith::model;
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto is_finite = [](float value) { return std::isfinite(value); };
  const auto prompt = model::SoftPrompt::parse(bytes);
  if (prompt) {
    const auto values = (*prompt)->values();
    KITH_CHECK((*prompt)->rows() >= 1 && (*prompt)->width() >= 1, "there is a row");
    KITH_CHECK(values.size() == static_cast<std::size_t>((*prompt)->rows()) *
                                    static_cast<std::size_t>((*prompt)->width()),
               "rows are whole");
    KITH_CHECK(std::all_of(values.begin(), values.end(), is_finite), "values are finite");
    const auto again =
        model::SoftPrompt::create({values.begin(), values.end()}, (*prompt)->width());
    KITH_CHECK(again && (*again)->key() == (*prompt)->key(), "equal prompts have equal keys");
  } else {
    kith::base::check_refusal(prompt.error());
  }
  for (const char* type : {"f32", "f16"}) {
    const std::size_t width = type[1] == '3' ? 4 : 2;
    const auto values = model::decode_values(bytes, type);
    KITH_CHECK(values.has_value() == (size % width == 0), "raw bytes make whole values");
    if (values) KITH_CHECK(values->size() == size / width, "all bytes are read");
  }
  return 0;
}
