// Feeds any JSON, as a record of an import, to the readers of its members: numbers are finite,
// times can be printed and read again, and attributes can be told. The corpus is testdata/fields.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "kith/base/check.h"
#include "kith/base/fuzz_input.h"
#include "kith/profile/fields.h"

namespace {

using kith::base::Json;

void check_member(const Json& record, const char* key) {
  namespace profile = kith::profile;
  namespace base = kith::base;
  const auto real = profile::read_real(record, key);
  if (real && *real) KITH_CHECK(std::isfinite(**real), "numbers are finite");
  if (!real) base::check_refusal(real.error());
  const auto text = profile::require_text(record, key);
  if (text) KITH_CHECK(!text->empty(), "what must be given is given");
  const auto at = profile::read_time(record, key, 7);
  if (!at) return base::check_refusal(at.error());
  const auto printed = base::from_iso8601(base::to_iso8601(*at));
  KITH_CHECK(printed && *printed == *at, "times can be told");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto record =
      kith::base::parse_json(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!record || !record->is_object()) return 0;
  for (const auto& [key, value] : record->items()) {
    check_member(*record, key.c_str());
    const auto flag = kith::profile::to_flag(value, key);
    if (!flag) kith::base::check_refusal(flag.error());
  }
  const auto attributes = kith::profile::to_attributes(*record);
  if (!attributes) {
    kith::base::check_refusal(attributes.error());
    return 0;
  }
  for (const auto& [name, value] : *attributes) {
    KITH_CHECK(kith::base::is_utf8_text(name) && kith::base::is_utf8_text(value), "text is UTF-8");
  }
  return 0;
}
