// Feeds any bytes to the reader of routers' cards: what it takes can be written and read again. The
// corpus is testdata/router_card.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kith/base/check.h"
#include "kith/base/fuzz_input.h"
#include "kith/persona/router_card.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace persona = kith::persona;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto card = persona::parse_router_card(text);
  if (!card) {
    kith::base::check_refusal(card.error());
    return 0;
  }
  const auto again = persona::parse_router_card(persona::to_json(*card));
  KITH_CHECK(again && *again == *card, "what is written is read");
  return 0;
}
