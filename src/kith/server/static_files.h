// The web page's files, read into memory at the start: a path from a request is only ever compared
// with the names found then, so it cannot lead out of the directory.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "kith/base/result.h"
#include "kith/server/http.h"

namespace kith::server {

// Immutable; thread-safe.
class StaticFiles {
 public:
  // A single page that says where the interface is described.
  StaticFiles();

  // Reads the regular files below `directory`, links not followed. Errors: kInvalidArgument if
  //   there is no index.html or the files exceed 64 MiB together; kUnavailable.
  static Result<StaticFiles> load(const std::filesystem::path& directory);

  // The file at `path` ("/" is index.html), 304 if the client has it; no value if there is none.
  std::optional<HttpResponse> find(const HttpRequest& request) const;

 private:
  struct File {
    std::shared_ptr<const std::string> bytes;
    std::string content_type;
    std::string etag;
    bool is_immutable = false;  // the name holds a hash of the content
  };

  static File make_file(const std::string& name, std::string bytes);

  std::map<std::string, File> files_;
};

}  // namespace kith::server
