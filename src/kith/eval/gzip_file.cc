#include "kith/eval/gzip_file.h"

#include <zlib.h>

#include <array>
#include <memory>

namespace kith::eval {

Result<std::string> read_gzip_file(const std::filesystem::path& file) {
  // gzread() passes on what is not compressed.
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> in(gzopen(file.c_str(), "rb"), gzclose);
  if (in == nullptr) return Error{ErrorCode::kNotFound, "cannot read " + file.string()};
  std::string text;
  std::array<char, std::size_t{1} << 16> buffer{};
  while (true) {
    const int count = gzread(in.get(), buffer.data(), static_cast<unsigned>(buffer.size()));
    if (count > 0) {
      text.append(buffer.data(), static_cast<std::size_t>(count));
      continue;
    }
    int status = Z_OK;
    gzerror(in.get(), &status);
    if (count == 0 && status == Z_OK) return text;
    return Error{ErrorCode::kInvalidArgument, file.string() + " is damaged"};
  }
}

}  // namespace kith::eval
