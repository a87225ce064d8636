#include "kith/cli/directory_client.h"

#include <array>
#include <cstdio>

#include "kith/base/json.h"

namespace kith::cli {
namespace {

std::string server_message(const upstream::HttpResponse& response) {
  const auto json = base::parse_json(response.body);
  if (json && json->is_object() && json->contains("error") && (*json)["error"].is_object()) {
    const auto message = base::read_string((*json)["error"], "message");
    if (message && *message) return **message;
  }
  return "the server answered " + std::to_string(response.status);
}

ErrorCode to_code(int status) {
  if (status == 404) return ErrorCode::kNotFound;
  if (status == 409) return ErrorCode::kConflict;
  return status >= 400 && status < 500 ? ErrorCode::kInvalidArgument : ErrorCode::kUnavailable;
}

}  // namespace

Result<DirectoryAccess> open_directory(const runtime::Config& config) {
  auto installation = runtime::Installation::open(config);
  if (installation) return DirectoryAccess{.installation = *std::move(installation)};
  if (installation.error().code != ErrorCode::kConflict) return std::move(installation).error();
  auto server = runtime::read_server_file(config.data.dir);
  if (!server) return std::move(installation).error();
  return DirectoryAccess{.server = std::make_unique<runtime::ServerFile>(*std::move(server))};
}

Result<std::unique_ptr<runtime::Installation>> open_to_read(const runtime::Config& config) {
  KITH_ASSIGN_OR_RETURN(DirectoryAccess access, open_directory(config));
  if (access.installation != nullptr) return std::move(access.installation);
  return runtime::Installation::open_beside(config);
}

Result<std::string> call_server(const runtime::ServerFile& server,
                                const upstream::HttpRequest& request) {
  const upstream::HttpClient client;
  upstream::HttpRequest sent = request;
  sent.url = server.url + request.url;
  sent.headers.push_back("Authorization: Bearer " + server.token);
  auto response = client.send(sent);
  if (!response) {
    return std::move(response).error().with_context("the server that holds the data directory");
  }
  if (response->status >= 200 && response->status < 300) return std::move(response->body);
  return Error{to_code(response->status), server_message(*response)};
}

std::string encode_segment(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
    if (is_plain) {
      out += c;
      continue;
    }
    std::array<char, 4> escaped{};
    std::snprintf(escaped.data(), escaped.size(), "%%%02X", static_cast<unsigned char>(c));
    out += escaped.data();
  }
  return out;
}

}  // namespace kith::cli
