// Feeds any bytes to the cutter of prompts: borders must lie in the prompt, in order, apart from
// each other. The corpus is testdata/segments.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kith/base/check.h"
#include "kith/persona/border_features.h"
#include "kith/persona/prompt_segments.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace persona = kith::persona;
  const std::string_view prompt(reinterpret_cast<const char*>(data), size);
  const auto borders = persona::find_borders(prompt);
  KITH_CHECK(borders.size() <= persona::kMaxBorders, "borders are bounded");
  std::size_t last = 0;
  for (const persona::PromptBorder& border : borders) {
    KITH_CHECK(last <= border.end && border.end <= border.begin, "borders are in order");
    KITH_CHECK(border.begin < prompt.size(), "something comes after a border");
    last = border.begin;
    for (const double feature : persona::describe_border(prompt, border)) {
      KITH_CHECK(feature >= -1.0 && feature <= 1.0, "features have bounds");
    }
  }
  const auto segments = persona::segments_between(prompt, borders);
  KITH_CHECK(segments.size() == borders.size() + 1, "one segment more than borders");
  for (const kith::text::Span span : segments) {
    KITH_CHECK(span.begin <= span.end && span.end <= prompt.size(), "segments lie in the prompt");
  }
  return 0;
}
