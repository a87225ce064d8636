#include "kith/train/reference_scores.h"

#include <algorithm>
#include <vector>

#include "kith/base/file.h"
#include "kith/base/fingerprint.h"
#include "kith/tensor/safetensors.h"
#include "kith/train/sequence_scores.h"

namespace kith::train {
namespace {

namespace fs = std::filesystem;
using torch::Tensor;

constexpr const char* kTensor = "log_probabilities";

// The configuration and the weights of a model's or an adapter's directory.
Result<std::uint64_t> hash_directory(const fs::path& directory, std::uint64_t hash) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const fs::path name = entry.path().filename();
    if (name.extension() == ".safetensors" || name == "config.json" ||
        name == "adapter_config.json") {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    KITH_ASSIGN_OR_RETURN(const auto mapped, base::MappedFile::open(file));
    const auto bytes = mapped.bytes();
    hash = base::hash_bytes({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, hash);
  }
  return hash;
}

// Null if the file is not there or not what it should be.
Tensor read_scores(const fs::path& path, std::int64_t examples) {
  const auto file = tensor::SafetensorsFile::open(path);
  if (!file) return {};
  const auto view = file->find(kTensor);
  if (!view || view->dtype != tensor::DType::kF32 || view->shape.size() != 2 ||
      view->shape[0] != examples || view->shape[1] != 2) {
    return {};
  }
  Tensor scores = torch::empty({examples, 2}, torch::kFloat);
  std::copy(view->bytes.begin(), view->bytes.end(), static_cast<std::byte*>(scores.data_ptr()));
  return scores;
}

Status write_scores(const fs::path& path, const Tensor& scores) {
  const std::vector<tensor::TensorToSave> entries{
      {kTensor,
       tensor::DType::kF32,
       scores.sizes().vec(),
       {static_cast<const std::byte*>(scores.data_ptr()), scores.nbytes()}}};
  return tensor::save_safetensors(path, entries, {});
}

}  // namespace

Result<std::uint64_t> reference_key(const Recipe& recipe) {
  std::uint64_t key = base::hash_bytes(recipe.bf16 ? "reference:1:bf16" : "reference:1:f32");
  KITH_ASSIGN_OR_RETURN(key, hash_directory(recipe.init, key));
  if (recipe.init_adapter.empty()) return key;
  return hash_directory(recipe.init_adapter, key);
}

Result<Tensor> reference_scores(const Decoder& decoder, const PreferenceSet& set,
                                const fs::path& shard, std::uint64_t key, const Recipe& recipe,
                                std::int64_t pad) {
  KITH_ASSIGN_OR_RETURN(const std::string data, base::read_file(shard, std::size_t{8} << 30));
  const fs::path path = recipe.output / "cache" /
                        ("reference-" + base::to_hex(base::hash_bytes(data, key)) + ".safetensors");
  const auto examples = static_cast<std::int64_t>(set.size());
  if (Tensor known = read_scores(path, examples); known.defined()) return known;
  std::vector<ScoredDocument> documents;
  for (std::size_t i = 0; i < set.size(); ++i) {
    documents.push_back(set.first(i));
    documents.push_back(set.second(i));
  }
  const Tensor scores =
      score_all(decoder, documents, recipe.run.micro_batch_tokens, pad).view({examples, 2});
  KITH_RETURN_IF_ERROR(write_scores(path, scores));
  return scores;
}

}  // namespace kith::train
