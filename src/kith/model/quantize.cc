#include "kith/model/quantize.h"

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kith/base/new_directory.h"
#include "kith/model/checkpoint_files.h"
#include "kith/model/inspect.h"
#include "kith/model/quantized_map.h"
#include "kith/model/weight_reader.h"
#include "kith/tensor/linear.h"

namespace kith::model {
namespace {

namespace fs = std::filesystem;
using tensor::DType;
using tensor::Int8Layout;

// All tensors of a quantised checkpoint in the order of the file. The weights come first: their
// sizes keep each at a multiple of 64 bytes.
struct FilePlan {
  std::vector<MapNames> maps;
  std::vector<VectorNames> norms;
  std::optional<Embedding> embedding;
};

std::vector<tensor::TensorPlan> tensor_plans(const FilePlan& plan, const DecoderConfig& config,
                                             Int8Layout layout) {
  std::vector<tensor::TensorPlan> tensors;
  for (const MapNames& map : plan.maps) {
    tensors.push_back(
        {map.name + ".weight", DType::kInt8, quantized_shape(layout, map.in, map.out())});
  }
  if (plan.embedding) {
    tensors.push_back({embedding_names(config).name + ".weight",
                       plan.embedding->dtype(),
                       {config.vocab_size, config.hidden_size}});
  }
  for (const MapNames& map : plan.maps) {
    tensors.push_back({map.name + ".scales", DType::kF32, {map.out()}});
    tensors.push_back({map.name + ".compensation", DType::kInt32, {map.out()}});
    if (map.has_bias) tensors.push_back({map.name + ".bias", DType::kF32, {map.out()}});
  }
  for (const VectorNames& norm : plan.norms) {
    tensors.push_back({norm.name + ".weight", DType::kF32, {norm.size}});
  }
  return tensors;
}

// Quantises every map, writes its weights, and returns the rest of it.
Result<std::vector<tensor::QuantizedRows>> write_maps(const WeightReader& reader,
                                                      const std::vector<MapNames>& maps,
                                                      Int8Layout layout,
                                                      tensor::SafetensorsWriter& writer) {
  std::vector<tensor::QuantizedRows> rest;
  for (const MapNames& map : maps) {
    KITH_ASSIGN_OR_RETURN(const auto parts, reader.find_parts(map));
    KITH_ASSIGN_OR_RETURN(tensor::QuantizedRows rows, tensor::quantize_parts(map.in, parts));
    const std::vector<std::int8_t> weights = std::exchange(rows.weights, {});
    if (layout == Int8Layout::kBlocked) {
      const auto blocked = tensor::to_blocked(weights, map.in, map.out());
      KITH_RETURN_IF_ERROR(writer.append(std::as_bytes(std::span(blocked))));
    } else {
      KITH_RETURN_IF_ERROR(writer.append(std::as_bytes(std::span(weights))));
    }
    rest.push_back(std::move(rows));
  }
  return rest;
}

Status write_vectors(const WeightReader& reader, const FilePlan& plan,
                     const std::vector<tensor::QuantizedRows>& maps,
                     tensor::SafetensorsWriter& writer) {
  if (plan.embedding) KITH_RETURN_IF_ERROR(writer.append(plan.embedding->rows()));
  for (const tensor::QuantizedRows& map : maps) {
    KITH_RETURN_IF_ERROR(writer.append(std::as_bytes(std::span(map.scales))));
    KITH_RETURN_IF_ERROR(writer.append(std::as_bytes(std::span(map.compensation))));
    if (map.bias.empty()) continue;
    KITH_RETURN_IF_ERROR(writer.append(std::as_bytes(std::span(map.bias))));
  }
  for (const VectorNames& norm : plan.norms) {
    KITH_ASSIGN_OR_RETURN(const std::vector<float> values, reader.read(norm));
    KITH_RETURN_IF_ERROR(writer.append(std::as_bytes(std::span(values))));
  }
  return {};
}

Status write_weights(const fs::path& source, const fs::path& target, const DecoderConfig& config,
                     Int8Layout layout) {
  KITH_ASSIGN_OR_RETURN(const auto file, tensor::CheckpointReader::open(source));
  const WeightReader reader(file, config.is_quantized, {DType::kInt8, 1});
  FilePlan plan{all_maps(config), all_norms(config), std::nullopt};
  KITH_ASSIGN_OR_RETURN(plan.embedding, reader.read_embedding(config));
  KITH_ASSIGN_OR_RETURN(
      auto writer, tensor::SafetensorsWriter::create(
                       target / "model.safetensors", tensor_plans(plan, config, layout),
                       {{"format", kQuantMethod}, {"version", std::to_string(kQuantVersion)}}));
  KITH_ASSIGN_OR_RETURN(const auto maps, write_maps(reader, plan.maps, layout, writer));
  KITH_RETURN_IF_ERROR(write_vectors(reader, plan, maps, writer));
  return writer.finish();
}

// They fit the quantised model as they fit the source.
Status copy_adapters(const fs::path& source, const fs::path& target) {
  std::error_code error;
  if (!fs::is_directory(source / "adapters", error)) return {};
  fs::copy(source / "adapters", target / "adapters", fs::copy_options::recursive, error);
  if (!error) return {};
  return Error{ErrorCode::kUnavailable, "cannot copy adapters: " + error.message()};
}

}  // namespace

Result<QuantizeReport> quantize_checkpoint(const fs::path& source, const fs::path& target,
                                           const QuantizeOptions& options) {
  KITH_ASSIGN_OR_RETURN(const CheckpointReport checked, check_plain_checkpoint(source));
  const DecoderConfig& config = checked.config;
  const Int8Layout layout = options.layout.value_or(tensor::native_int8_layout());
  KITH_ASSIGN_OR_RETURN(
      auto directory, base::NewDirectory::create(target, options.replace ? kCheckpointMarker : ""));
  const bool is_blocked = layout == Int8Layout::kBlocked;
  KITH_RETURN_IF_ERROR(copy_companions(source, directory.path()));
  KITH_RETURN_IF_ERROR(copy_adapters(source, directory.path()));
  KITH_RETURN_IF_ERROR(
      rewrite_config(source, directory.path(), [is_blocked](base::OrderedJson& json) {
        json["quantization_config"] = {{"quant_method", kQuantMethod},
                                       {"version", kQuantVersion},
                                       {"layout", is_blocked ? "blocked" : "rows"}};
      }));
  KITH_RETURN_IF_ERROR(write_weights(source, directory.path(), config, layout));
  KITH_ASSIGN_OR_RETURN(const CheckpointReport written,
                        inspect_checkpoint(directory.path(), Depth::kShapes));
  KITH_RETURN_IF_ERROR(directory.commit());
  return QuantizeReport{layout, checked.bytes, written.bytes};
}

}  // namespace kith::model
