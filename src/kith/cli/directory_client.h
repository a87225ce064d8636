// Work on a data directory: directly, or through the server that holds it.
#pragma once

#include <memory>
#include <string>

#include "kith/base/result.h"
#include "kith/runtime/config.h"
#include "kith/runtime/installation.h"
#include "kith/runtime/server_file.h"
#include "kith/upstream/http_client.h"

namespace kith::cli {

// Exactly one of the two is set.
struct DirectoryAccess {
  std::unique_ptr<runtime::Installation> installation;
  std::unique_ptr<runtime::ServerFile> server;
};

// Opens the directory, or finds the server that holds it.
// Errors: those of Installation::open(); kConflict if another process holds the directory and is no
//   server that can be talked to.
Result<DirectoryAccess> open_directory(const runtime::Config& config);

// Opens the directory to read it; beside the server that holds it, if one does: then what a command
// finds is what the server had written by then.
// Errors: as open_directory(), and those of Installation::open_beside().
Result<std::unique_ptr<runtime::Installation>> open_to_read(const runtime::Config& config);

// One request to the server with its local token; returns the body.
// Errors: kInvalidArgument, kNotFound, kConflict or kUnavailable with the server's message.
Result<std::string> call_server(const runtime::ServerFile& server,
                                const upstream::HttpRequest& request);

// Percent-encodes a path segment.
std::string encode_segment(const std::string& text);

}  // namespace kith::cli
