#include "kith/runtime/resources.h"

#include <cstdlib>
#include <system_error>

namespace kith::runtime {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

}  // namespace

fs::path share_directory() {
  if (const char* share = std::getenv("KITH_SHARE"); share != nullptr) return share;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const fs::path installed = program.parent_path().parent_path() / "share" / "kith";
  return is_there(installed) ? installed : fs::path(KITH_SOURCE_DIR);
}

fs::path builtin_model_directory() { return share_directory() / "models" / "builtin"; }

fs::path builtin_encoder_directory() { return share_directory() / "models" / "router"; }

fs::path web_directory() {
  const fs::path built = share_directory() / "web" / "dist";
  return is_there(built) ? built : share_directory() / "web";
}

fs::path service_desk_directory() { return share_directory() / "examples" / "service-desk"; }
fs::path education_directory() { return share_directory() / "examples" / "education"; }

fs::path medical_directory() { return share_directory() / "examples" / "medical"; }

fs::path gate_directory() { return share_directory() / "examples" / "gate"; }

fs::path service_desk_router_directory() { return share_directory() / "models" / "router-desk"; }

fs::path service_desk_user_encoder_directory() {
  return share_directory() / "models" / "user-encoder-desk";
}

}  // namespace kith::runtime
