// Feeds any bytes to the search for personal data: a line of names, a line of what is allowed, and
// the text. The corpus is testdata/fuzz/pii.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "kith/base/check.h"
#include "kith/base/fuzz_input.h"
#include "kith/text/pii.h"
#include "kith/text/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace text = kith::text;
  kith::base::FuzzInput input(data, size);
  text::PiiOptions options;
  options.names.emplace_back(input.take_line());
  options.allowed.emplace_back(input.take_line());
  const text::PiiRedactor redactor(options);
  const std::string_view body = input.rest();
  std::size_t at = 0;
  for (const auto& [kind, span] : redactor.find(body)) {
    KITH_CHECK(span.begin >= at && span.begin < span.end && span.end <= body.size(),
               "findings are in order");
    at = span.end;
  }
  const std::string once = redactor.redact(body);
  KITH_CHECK(text::is_valid_utf8(once), "redacted text is UTF-8");
  KITH_CHECK(redactor.redact(once) == once, "redacting twice changes nothing");
  return 0;
}
