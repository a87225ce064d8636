#include "kith/model/merge.h"

#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kith/base/new_directory.h"
#include "kith/model/adapter.h"
#include "kith/model/checkpoint_files.h"
#include "kith/model/inspect.h"
#include "kith/model/tensor_names.h"
#include "kith/tensor/checkpoint.h"

namespace kith::model {
namespace {

namespace fs = std::filesystem;
using tensor::DType;

// The updates of an adapter by the tensor that they change.
std::map<std::string, const nn::Lora*> updates_by_tensor(const Adapter& adapter,
                                                         const DecoderConfig& config) {
  std::map<std::string, const nn::Lora*> updates;
  for (int i = 0; i < config.num_layers; ++i) {
    const LayerNames names = layer_names(config, i);
    const std::array<std::pair<Target, const MatrixNames*>, kNumTargets> targets{
        {{Target::kQ, &names.qkv.parts[0]},
         {Target::kK, &names.qkv.parts[1]},
         {Target::kV, &names.qkv.parts[2]},
         {Target::kO, &names.o.parts[0]},
         {Target::kGate, &names.gate_up.parts[0]},
         {Target::kUp, &names.gate_up.parts[1]},
         {Target::kDown, &names.down.parts[0]}}};
    for (const auto& [target, matrix] : targets) {
      const nn::Lora* lora = adapter.find_lora(i, target);
      if (lora != nullptr) updates[matrix->name + ".weight"] = lora;
    }
  }
  return updates;
}

// weights [out, in] += scale * B A. REQUIRES: held as f32.
void add_update(const nn::Lora& lora, std::span<float> weights) {
  const auto in = static_cast<std::size_t>(lora.in);
  const auto out = static_cast<std::size_t>(lora.out);
  for (std::size_t n = 0; n < out; ++n) {
    for (std::size_t r = 0; r < static_cast<std::size_t>(lora.rank); ++r) {
      const float factor = lora.scale * lora.b_f32[r * out + n];
      for (std::size_t k = 0; k < in; ++k) {
        weights[n * in + k] += factor * lora.a_f32[r * in + k];
      }
    }
  }
}

// Errors: kInvalidArgument if a value is not finite in the type that is written.
Status append_as(const std::string& name, std::span<const float> values, DType dtype,
                 tensor::SafetensorsWriter& writer) {
  const bool is_f32 = dtype == DType::kF32;
  for (const float value : values) {
    // The largest numbers of f32 round to infinity in bf16.
    const float written = is_f32 ? value : tensor::bf16_to_f32(tensor::f32_to_bf16(value));
    if (!std::isfinite(written)) {
      return Error{ErrorCode::kInvalidArgument, "merged weights must be finite as " +
                                                    std::string(tensor::dtype_name(dtype)) + ": " +
                                                    name};
    }
  }
  if (is_f32) return writer.append(std::as_bytes(values));
  std::vector<std::uint16_t> halves;
  halves.reserve(values.size());
  for (const float value : values) halves.push_back(tensor::f32_to_bf16(value));
  return writer.append(std::as_bytes(std::span(halves)));
}

Status write_merged(const fs::path& base, const fs::path& target, const DecoderConfig& config,
                    const Adapter& adapter, DType dtype) {
  KITH_ASSIGN_OR_RETURN(const auto file, tensor::CheckpointReader::open(base));
  const std::vector<TensorShape> tensors = plain_tensors(config);
  std::vector<tensor::TensorPlan> plans;
  for (const TensorShape& tensor : tensors) plans.push_back({tensor.name, dtype, tensor.shape});
  // transformers refuses files that do not name their format.
  KITH_ASSIGN_OR_RETURN(
      auto writer, tensor::SafetensorsWriter::create(target / "model.safetensors", std::move(plans),
                                                     {{"format", "pt"}}));
  const auto updates = updates_by_tensor(adapter, config);
  std::vector<float> values;
  for (const TensorShape& tensor : tensors) {
    const tensor::TensorView view = *file.find(tensor.name);
    values.resize(static_cast<std::size_t>(view.num_elements()));
    tensor::convert_to_f32(view.bytes, view.dtype, values);
    const auto update = updates.find(tensor.name);
    if (update != updates.end()) add_update(*update->second, values);
    KITH_RETURN_IF_ERROR(append_as(tensor.name, values, dtype, writer));
  }
  return writer.finish();
}

}  // namespace

Status merge_adapter(const fs::path& base, const fs::path& adapter_dir, const fs::path& target,
                     const MergeOptions& options) {
  KITH_ASSIGN_OR_RETURN(const CheckpointReport checked, check_plain_checkpoint(base));
  const DType natural = checked.values.contains("F32") ? DType::kF32 : DType::kBf16;
  const DType dtype = options.dtype.value_or(natural);
  if (dtype != DType::kF32 && dtype != DType::kBf16) {
    return Error{ErrorCode::kInvalidArgument,
                 "merged weights are f32 or bf16: " + std::string(tensor::dtype_name(dtype))};
  }
  KITH_ASSIGN_OR_RETURN(const auto adapter, Adapter::load(adapter_dir, checked.config));
  KITH_ASSIGN_OR_RETURN(
      auto directory, base::NewDirectory::create(target, options.replace ? kCheckpointMarker : ""));
  KITH_RETURN_IF_ERROR(copy_companions(base, directory.path()));
  KITH_RETURN_IF_ERROR(rewrite_config(base, directory.path(), [dtype](base::OrderedJson& json) {
    const char* name = dtype == DType::kF32 ? "float32" : "bfloat16";
    // Newer versions of transformers write the shorter key.
    json[json.contains("dtype") ? "dtype" : "torch_dtype"] = name;
  }));
  KITH_RETURN_IF_ERROR(write_merged(base, directory.path(), checked.config, *adapter, dtype));
  return directory.commit();
}

}  // namespace kith::model
