// Feeds any bytes to the reader of kith.toml: what it takes is within its bounds, and the settings
// that `kith config print` shows make the same configuration. The corpus is testdata/settings.
#include <cstddef>
#include <cstdint>
#include <string>

#include "kith/base/check.h"
#include "kith/base/fuzz_input.h"
#include "kith/base/test_directory.h"
#include "kith/runtime/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using kith::runtime::ConfigLoader;
  static const kith::base::TestDirectory directory;
  const auto file = directory.write("kith.toml", {reinterpret_cast<const char*>(data), size});
  ConfigLoader loader;
  const auto status = loader.read_file(file);
  if (!status) {
    kith::base::check_refusal(status.error());
    return 0;
  }
  const auto config = loader.finish();
  if (!config) {
    kith::base::check_refusal(config.error());
    return 0;
  }
  KITH_CHECK(config->server.port >= 0 && config->server.port <= 65'535, "ports are ports");
  KITH_CHECK(config->answer.drafts >= 1 && config->answer.drafts <= 8, "drafts have bounds");
  ConfigLoader again;
  for (const auto& setting : loader.settings()) {
    KITH_CHECK(again.set(setting.key, setting.value).has_value(), "what is shown can be set");
  }
  const auto shown = loader.settings();
  const auto same = again.settings();
  for (std::size_t i = 0; i < shown.size(); ++i) {
    KITH_CHECK(shown[i].value == same[i].value, "and is the same");
  }
  return 0;
}
