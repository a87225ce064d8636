#include "kith/tuning/base_model.h"

#include <algorithm>
#include <vector>

#include "kith/base/file.h"
#include "kith/storage/digest.h"

namespace kith::tuning {

namespace fs = std::filesystem;

Result<std::string> hash_base_model(const fs::path& directory) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (entry.path().extension() == ".safetensors") files.push_back(entry.path());
  }
  if (files.empty()) {
    return Error{ErrorCode::kNotFound, "no weights (*.safetensors) in " + directory.string()};
  }
  std::sort(files.begin(), files.end());
  files.push_back(directory / "config.json");
  files.push_back(directory / "tokenizer.json");
  std::string hashes;
  for (const fs::path& file : files) {
    KITH_ASSIGN_OR_RETURN(const auto mapped, base::MappedFile::open(file));
    const auto bytes = mapped.bytes();
    hashes += storage::digest(
        {file.filename().string(), {reinterpret_cast<const char*>(bytes.data()), bytes.size()}});
  }
  return storage::digest({hashes});
}

}  // namespace kith::tuning
