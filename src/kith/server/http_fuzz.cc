// Feeds any bytes to what reads the head of a request: the lines of an input are the target and the
// headers Authorization, Host, Origin and X-Forwarded-For. Nobody is let in without a key, and
// without keys nobody from another site. "@" in Authorization stands for a key that is stored. The
// corpus is testdata/http.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "kith/base/check.h"
#include "kith/base/fuzz_input.h"
#include "kith/server/auth.h"
#include "kith/server/http.h"
#include "kith/storage/api_key.h"

namespace {

using namespace kith;

// One key, or none.
class OneKey final : public storage::KeyStore {
 public:
  explicit OneKey(std::optional<storage::ApiKeyRow> row) : row_(std::move(row)) {}

  Status add(const storage::ApiKeyRow&) override { return {}; }
  Result<std::optional<storage::ApiKeyRow>> find(const std::string& id) override {
    return row_ && row_->id == id ? row_ : std::nullopt;
  }
  Result<bool> has_any() override { return row_.has_value(); }
  Result<std::vector<storage::ApiKeyRow>> list(const storage::TenantScope&) override {
    return std::vector<storage::ApiKeyRow>();
  }
  Result<bool> revoke(const storage::TenantScope&, const std::string&, base::UnixMicros) override {
    return false;
  }

 private:
  std::optional<storage::ApiKeyRow> row_;
};

void check_target(std::string_view target) {
  server::HttpRequest request;
  if (server::parse_target(target, request)) {
    KITH_CHECK(target.starts_with(request.path), "the path is as it was sent");
    const auto slashes = std::count(request.path.begin(), request.path.end(), '/');
    KITH_CHECK(request.segments.size() <= static_cast<std::size_t>(slashes),
               "segments are cut once");
  }
  // As a name stands in a path.
  std::string name = server::to_header_value(target);
  for (const char c : name) KITH_CHECK(c > 0x20 && c < 0x7F, "header values are visible ASCII");
  if (name.empty() || name.find_first_of("/?") != std::string::npos) return;
  server::HttpRequest encoded;
  KITH_CHECK(server::parse_target("/v1/" + name, encoded), "what is encoded can be read");
  KITH_CHECK(encoded.segments.size() == 2 && encoded.segments[1] == target, "and is the same");
}

// A name that no other site can point at this machine.
bool is_own_host(std::string_view host) {
  host = host.substr(0, host.find(':', host.starts_with('[') ? host.find(']') : 0));
  return host == "localhost" || host == "[::1]" ||
         (host.starts_with("127.") &&
          host.find_first_not_of("0123456789.") == std::string_view::npos);
}

void check_auth(const server::HttpRequest& request, const storage::NewApiKey& key) {
  const std::string secret = "local-token";
  OneKey keys(key.row);
  const server::Authenticator authenticator(keys, {.is_loopback = true, .local_token = secret});
  const std::string_view token = server::bearer_token(request);
  const auto principal = authenticator.authenticate(request);
  KITH_CHECK(principal.has_value() == (token == key.text || token == secret), "keys are needed");
  if (!principal) base::check_message(principal.error().message);

  OneKey none(std::nullopt);
  const server::Authenticator open(none, {.is_loopback = true, .local_token = secret});
  if (token == secret || !open.authenticate(request)) return;
  const std::string_view origin = request.header("origin");
  KITH_CHECK(is_own_host(request.header("host")), "the host is this machine");
  KITH_CHECK(request.header("x-forwarded-for").empty(), "no proxy lies between");
  KITH_CHECK(origin.empty() || origin == "http://" + std::string(request.header("host")),
             "no other site asks");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const storage::NewApiKey key =
      *storage::make_api_key(storage::KeyRole::kEndUser, TenantId("t"), UserId("u"), "label", 1);
  base::FuzzInput input(data, size);
  check_target(input.take_line());
  server::HttpRequest request;
  request.is_peer_loopback = true;
  std::string& authorization = request.headers["authorization"];
  authorization = input.take_line();
  const std::size_t at = authorization.find('@');
  if (at != std::string::npos) authorization.replace(at, 1, key.text);
  for (const char* name : {"host", "origin", "x-forwarded-for"}) {
    request.headers[name] = input.take_line();
  }
  check_auth(request, key);
  return 0;
}
