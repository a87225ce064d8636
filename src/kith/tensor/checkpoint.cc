#include "kith/tensor/checkpoint.h"

#include <utility>

#include "kith/base/file.h"
#include "kith/base/json.h"

namespace kith::tensor {
namespace {

constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

// A name without any path in it. The hub's cache keeps links to blobs elsewhere, so the file itself
// may be a link; what the index must not do is choose the path.
bool is_plain_file_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

}  // namespace

Result<std::map<std::string, std::string>> parse_checkpoint_index(std::string_view json_text) {
  KITH_ASSIGN_OR_RETURN(const base::Json index, base::parse_json(json_text));
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    return invalid("weight_map must be an object");
  }
  std::map<std::string, std::string> files;
  for (const auto& [name, file] : index["weight_map"].items()) {
    if (!file.is_string() || !is_plain_file_name(file.get_ref<const std::string&>())) {
      return invalid("weight_map must name files of the same directory; tensor " +
                     name.substr(0, 200));
    }
    files.emplace(name, file.get<std::string>());
  }
  return files;
}

Result<CheckpointReader> CheckpointReader::open(const std::filesystem::path& dir) {
  CheckpointReader reader;
  std::error_code ignored;
  if (std::filesystem::exists(dir / kSingleFile, ignored)) {
    KITH_ASSIGN_OR_RETURN(auto file, SafetensorsFile::open(dir / kSingleFile));
    for (const auto& [name, info] : file.header().tensors) reader.file_of_.emplace(name, 0);
    reader.files_.push_back(std::move(file));
    return reader;
  }
  if (!std::filesystem::exists(dir / kIndexFile, ignored)) {
    return Error{ErrorCode::kNotFound, "neither " + std::string(kSingleFile) + " nor " +
                                           kIndexFile + " in " + dir.string()};
  }
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(dir / kIndexFile));
  auto weight_map = parse_checkpoint_index(text);
  if (!weight_map) return std::move(weight_map).error().with_context(kIndexFile);

  std::map<std::string, std::size_t> opened;
  for (const auto& [tensor, file_name] : *weight_map) {
    const auto [it, is_new] = opened.emplace(file_name, reader.files_.size());
    if (is_new) {
      KITH_ASSIGN_OR_RETURN(auto file, SafetensorsFile::open(dir / file_name));
      reader.files_.push_back(std::move(file));
    }
    if (!reader.files_[it->second].find(tensor)) {
      return invalid(file_name + " lacks tensor " + tensor.substr(0, 200));
    }
    reader.file_of_.emplace(tensor, it->second);
  }
  return reader;
}

std::optional<TensorView> CheckpointReader::find(std::string_view name) const {
  const auto it = file_of_.find(name);
  if (it == file_of_.end()) return std::nullopt;
  return files_[it->second].find(name);
}

std::vector<std::string> CheckpointReader::names() const {
  std::vector<std::string> names;
  names.reserve(file_of_.size());
  for (const auto& [name, file] : file_of_) names.push_back(name);
  return names;
}

void CheckpointReader::drop_pages() const {
  for (const SafetensorsFile& file : files_) file.drop_pages();
}

}  // namespace kith::tensor
