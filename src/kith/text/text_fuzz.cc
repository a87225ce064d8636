// Feeds arbitrary bytes to everything that reads plain text.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kith/base/check.h"
#include "kith/text/language.h"
#include "kith/text/readability.h"
#include "kith/text/segment.h"
#include "kith/text/unicode.h"
#include "kith/text/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace text = kith::text;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  KITH_CHECK(text::is_valid_utf8(text::sanitize_utf8(input)), "sanitized text is UTF-8");
  KITH_CHECK(text::truncate_utf8(input, size / 2).size() <= size / 2, "truncation keeps its bound");
  for (const std::string& word : text::segment_words(input)) {
    KITH_CHECK(!word.empty() && text::is_valid_utf8(word), "words are UTF-8");
  }
  std::size_t at = 0;
  for (const text::Span span : text::split_sentences(input)) {
    KITH_CHECK(span.begin >= at && span.begin < span.end && span.end <= size,
               "sentences are in order");
    at = span.end;
  }
  (void)text::detect_language(input);
  (void)text::measure_text(input);
  return 0;
}
