#include "kith/server/static_files.h"

#include <array>
#include <utility>

#include "kith/base/file.h"
#include "kith/storage/digest.h"

namespace kith::server {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{64} << 20;

// Scripts and styles from our own files only; no frames, no plug-ins, no other hosts.
constexpr const char* kContentSecurityPolicy =
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'";

constexpr std::string_view kPlainPage =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Kith</title>"
    "<h1>Kith is serving</h1><p>The interface is described in "
    "<a href=\"/openapi.json\">openapi.json</a>.</p></html>\n";

std::string content_type_of(const std::string& name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 15> kTypes{{
      {".html", "text/html; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".mjs", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".json", "application/json"},
      {".map", "application/json"},
      {".webmanifest", "application/manifest+json"},
      {".txt", "text/plain; charset=utf-8"},
      {".svg", "image/svg+xml"},
      {".png", "image/png"},
      {".jpg", "image/jpeg"},
      {".webp", "image/webp"},
      {".ico", "image/x-icon"},
      {".woff2", "font/woff2"},
      {".wasm", "application/wasm"},
  }};
  for (const auto& [suffix, type] : kTypes) {
    if (name.ends_with(suffix)) return std::string(type);
  }
  return "application/octet-stream";
}

}  // namespace

StaticFiles::File StaticFiles::make_file(const std::string& name, std::string bytes) {
  File file;
  file.etag = "\"" + storage::digest({bytes}) + "\"";
  file.bytes = std::make_shared<const std::string>(std::move(bytes));
  file.content_type = content_type_of(name);
  // Vite puts files whose names change with their content there.
  file.is_immutable = name.starts_with("/assets/");
  return file;
}

StaticFiles::StaticFiles() {
  files_.emplace("/index.html", make_file("/index.html", std::string(kPlainPage)));
}

Result<StaticFiles> StaticFiles::load(const std::filesystem::path& directory) {
  StaticFiles files;
  files.files_.clear();
  std::size_t total = 0;
  std::error_code error;
  std::filesystem::recursive_directory_iterator it(directory, error);
  for (; !error && it != std::filesystem::recursive_directory_iterator(); it.increment(error)) {
    if (it->is_symlink(error) || !it->is_regular_file(error)) continue;
    KITH_ASSIGN_OR_RETURN(std::string bytes, base::read_file(it->path(), kMaxBytes));
    total += bytes.size();
    if (total > kMaxBytes) {
      return Error{ErrorCode::kInvalidArgument,
                   "web directory exceeds 64 MiB: " + directory.string()};
    }
    const std::string name = "/" + it->path().lexically_relative(directory).generic_string();
    files.files_.emplace(name, make_file(name, std::move(bytes)));
  }
  if (error) {
    return Error{ErrorCode::kUnavailable,
                 "cannot read web directory " + directory.string() + ": " + error.message()};
  }
  if (!files.files_.contains("/index.html")) {
    return Error{ErrorCode::kInvalidArgument,
                 "web directory holds no index.html: " + directory.string()};
  }
  return files;
}

std::optional<HttpResponse> StaticFiles::find(const HttpRequest& request) const {
  std::string name;
  for (const std::string& segment : request.segments) name += "/" + segment;
  const auto found = files_.find(name.empty() ? "/index.html" : name);
  if (found == files_.end()) return std::nullopt;
  const File& file = found->second;
  HttpResponse response;
  response.content_type = file.content_type;
  response.shared_body = file.bytes;
  response.headers = {
      {"ETag", file.etag},
      {"Cache-Control", file.is_immutable ? "public, max-age=31536000, immutable" : "no-cache"},
      {"Content-Security-Policy", kContentSecurityPolicy},
      {"Referrer-Policy", "no-referrer"}};
  if (request.header("if-none-match") == file.etag) response.status = 304;
  return response;
}

}  // namespace kith::server
