#include "kith/runtime/server_file.h"

#include <sys/random.h>

#include <array>
#include <cstdio>
#include <system_error>

#include "kith/base/file.h"
#include "kith/base/json.h"

namespace kith::runtime {
namespace {

std::filesystem::path file_of(const std::filesystem::path& data_dir) {
  return data_dir / "server.json";
}

}  // namespace

Result<std::string> make_token() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return Error{ErrorCode::kUnavailable, "the system gives no random bytes"};
  }
  std::string token;
  for (const unsigned char byte : bytes) {
    std::array<char, 3> digits{};
    std::snprintf(digits.data(), digits.size(), "%02x", byte);
    token += digits.data();
  }
  return token;
}

Status write_server_file(const std::filesystem::path& data_dir, const ServerFile& file) {
  const base::Json json = {{"pid", file.pid}, {"url", file.url}, {"token", file.token}};
  return base::write_file_atomically(file_of(data_dir), base::dump_json(json) + "\n", 0600);
}

Result<ServerFile> read_server_file(const std::filesystem::path& data_dir) {
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(file_of(data_dir), 1 << 16));
  KITH_ASSIGN_OR_RETURN(const base::Json json, base::parse_json(text));
  KITH_ASSIGN_OR_RETURN(const auto pid, base::read_integer(json, "pid"));
  KITH_ASSIGN_OR_RETURN(const auto url, base::read_string(json, "url"));
  KITH_ASSIGN_OR_RETURN(const auto token, base::read_string(json, "token"));
  if (!pid || !url || !token) {
    return Error{ErrorCode::kInvalidArgument, "server.json lacks pid, url or token"};
  }
  return ServerFile{.pid = *pid, .url = *url, .token = *token};
}

void remove_server_file(const std::filesystem::path& data_dir) {
  std::error_code error;
  std::filesystem::remove(file_of(data_dir), error);
}

}  // namespace kith::runtime
