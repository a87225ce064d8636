// DIR/server.json: how a command finds the server that holds a data directory, and proves that it
// may talk to it. Readable by its owner only.
#pragma once

#include <filesystem>
#include <string>

#include "kith/base/result.h"

namespace kith::runtime {

struct ServerFile {
  std::int64_t pid = 0;
  // "http://127.0.0.1:7717".
  std::string url;
  // Gives the operator's rights; made anew at every start.
  std::string token;
};

// 128 random bits as hexadecimal digits. Errors: kUnavailable if the system has no randomness.
Result<std::string> make_token();

// Errors: kUnavailable.
Status write_server_file(const std::filesystem::path& data_dir, const ServerFile& file);
// Errors: kNotFound if no server has written one; kInvalidArgument if it is damaged.
Result<ServerFile> read_server_file(const std::filesystem::path& data_dir);
// Silent if there is none.
void remove_server_file(const std::filesystem::path& data_dir);

}  // namespace kith::runtime
