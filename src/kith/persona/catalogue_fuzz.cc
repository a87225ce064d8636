// Feeds any bytes to the reader of persona files: what it takes must keep the promises of its
// header. The corpus is testdata/catalogue.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kith/base/check.h"
#include "kith/base/fuzz_input.h"
#include "kith/persona/catalogue.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace persona = kith::persona;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto catalogue = persona::PersonaCatalogue::from_toml(text, "personas.toml");
  if (!catalogue) {
    kith::base::check_refusal(catalogue.error());
    return 0;
  }
  const auto& personas = catalogue->personas();
  KITH_CHECK(!personas.empty() && personas.size() <= persona::kMaxPersonas, "there are some");
  for (const persona::Persona& one : personas) {
    KITH_CHECK(catalogue->find_persona(one.id) == &one, "ids are unique");
    KITH_CHECK(!one.name.empty() && !one.adapter.str().empty(), "names are given");
    KITH_CHECK(one.style.reading_level >= 1 && one.style.reading_level <= 20, "grades have bounds");
    for (const auto& [name, values] : one.attributes) {
      KITH_CHECK(!persona::is_denied_attribute(name), "nothing is decided by what must not count");
      KITH_CHECK(!values.empty(), "attributes have values");
    }
  }
  return 0;
}
