#include "kith/server/unknown_fields.h"

#include <algorithm>

namespace kith::server {

std::optional<api::ApiError> refuse_unknown(const ServerOptions& options,
                                            const std::vector<std::string>& unknown) {
  if (options.ignores_unknown_fields || unknown.empty()) return std::nullopt;
  return unsupported(unknown.front());
}

api::ApiError unsupported(const std::string& name) {
  return api::bad_request(name + " is not supported by the built-in engine", name,
                          "unsupported_parameter");
}

void tell_ignored(const std::vector<std::string>& unknown, HeaderList& headers) {
  constexpr std::size_t kMaxNames = 16;
  constexpr std::size_t kMaxNameBytes = 64;
  std::string names;
  for (std::size_t i = 0; i < std::min(unknown.size(), kMaxNames); ++i) {
    names += (i == 0 ? "" : ", ") + to_header_value(unknown[i].substr(0, kMaxNameBytes));
  }
  if (!names.empty()) headers.emplace_back("X-Kith-Ignored", names);
}

}  // namespace kith::server
