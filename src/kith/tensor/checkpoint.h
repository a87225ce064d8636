// The tensors of a Hugging Face checkpoint directory, in one file or in shards.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"
#include "kith/tensor/safetensors.h"

namespace kith::tensor {

// Reads the weight_map of a model.safetensors.index.json: tensor name to file name.
// Errors: kInvalidArgument for broken JSON or a file name that is not a plain name in the
// directory.
Result<std::map<std::string, std::string>> parse_checkpoint_index(std::string_view json_text);

// Immutable; thread-safe.
class CheckpointReader {
 public:
  // Opens `dir`/model.safetensors, or the shards named in `dir`/model.safetensors.index.json.
  // Errors: kNotFound if neither exists or a shard is missing; kInvalidArgument for a broken file,
  // a
  //   tensor that its shard lacks, or a weight_map that leaves the directory.
  static Result<CheckpointReader> open(const std::filesystem::path& dir);

  // No value if there is no such tensor. The view lives as long as the reader.
  std::optional<TensorView> find(std::string_view name) const;
  // Sorted.
  std::vector<std::string> names() const;
  // Of all shards; see base::MappedFile.
  void drop_pages() const;

 private:
  CheckpointReader() = default;

  std::vector<SafetensorsFile> files_;
  // Tensor name to index in files_.
  std::map<std::string, std::size_t, std::less<>> file_of_;
};

}  // namespace kith::tensor
