#include "kith/runtime/router.h"

#include <system_error>
#include <utility>

#include "kith/persona/router_file.h"
#include "kith/persona/word_encoder.h"
#include "kith/runtime/resources.h"

namespace kith::runtime {

namespace fs = std::filesystem;

Result<std::shared_ptr<const persona::TextEncoder>> load_router_encoder() {
  KITH_ASSIGN_OR_RETURN(auto encoder, persona::WordEncoder::load(builtin_encoder_directory()));
  return std::shared_ptr<const persona::TextEncoder>(std::move(encoder));
}

fs::path find_router(const Config& config, const fs::path& data_dir) {
  if (!config.router.enabled) return {};
  if (!config.router.dir.empty()) return config.router.dir;
  const fs::path in_data = data_dir / "router";
  std::error_code error;
  return fs::exists(in_data / "router.json", error) ? in_data : fs::path();
}

Result<std::shared_ptr<const persona::Router>> load_router(const Config& config,
                                                           const fs::path& data_dir) {
  const fs::path dir = find_router(config, data_dir);
  if (dir.empty()) return std::shared_ptr<const persona::Router>();
  KITH_ASSIGN_OR_RETURN(auto encoder, load_router_encoder());
  KITH_ASSIGN_OR_RETURN(auto router, persona::load_router(dir, std::move(encoder)));
  return std::make_shared<const persona::Router>(std::move(router));
}

}  // namespace kith::runtime
