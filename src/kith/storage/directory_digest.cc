#include "kith/storage/directory_digest.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>
#include <vector>

#include "kith/base/file.h"

namespace kith::storage {
namespace {

namespace fs = std::filesystem;

std::string sha256(const unsigned char* bytes, std::size_t size) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256(hash.data(), bytes, size);
  std::string text(2 * hash.size() + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), hash.data(), hash.size());
  text.pop_back();
  return text;
}

Result<std::vector<std::string>> names_in(const fs::path& dir) {
  std::error_code error;
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(dir, error)) {
    std::error_code ignored;
    if (entry.symlink_status(ignored).type() != fs::file_type::regular) {
      return Error{ErrorCode::kInvalidArgument, "not a regular file: " + entry.path().string()};
    }
    names.push_back(entry.path().filename().string());
  }
  if (error || names.empty()) {
    return Error{ErrorCode::kNotFound, "no files: " + dir.string()};
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

Result<std::string> digest_directory(const fs::path& dir) {
  KITH_ASSIGN_OR_RETURN(const auto names, names_in(dir));
  std::string lines;
  for (const std::string& name : names) {
    KITH_ASSIGN_OR_RETURN(const auto file, base::MappedFile::open(dir / name));
    const auto bytes = file.bytes();
    lines += sha256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    lines += "  " + name + "\n";
  }
  return sha256(reinterpret_cast<const unsigned char*>(lines.data()), lines.size());
}

}  // namespace kith::storage
