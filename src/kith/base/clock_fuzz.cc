// Feeds any bytes to the reader of times: what it takes must read the same once it is printed. The
// corpus is testdata/clock.
#include <cstddef>
#include <cstdint>
#include <string>

#include "kith/base/check.h"
#include "kith/base/clock.h"
#include "kith/base/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace base = kith::base;
  const auto at = base::from_iso8601({reinterpret_cast<const char*>(data), size});
  if (!at) {
    base::check_refusal(at.error());
    return 0;
  }
  const std::string printed = base::to_iso8601(*at);
  KITH_CHECK(printed.size() == 27, "years have four digits");
  const auto again = base::from_iso8601(printed);
  KITH_CHECK(again && *again == *at, "what is printed can be read");
  return 0;
}
