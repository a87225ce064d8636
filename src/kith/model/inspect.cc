#include "kith/model/inspect.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <span>
#include <utility>

#include "kith/model/quantized_map.h"
#include "kith/model/tensor_names.h"
#include "kith/model/weight_reader.h"
#include "kith/tensor/checkpoint.h"
#include "kith/tensor/dtype.h"

namespace kith::model {
namespace {

using tensor::TensorView;

std::int64_t count_not_finite(std::span<const float> values) {
  return std::count_if(values.begin(), values.end(),
                       [](float value) { return !std::isfinite(value); });
}

// In slices, so that a tensor need not lie in memory as f32.
std::int64_t count_not_finite(const TensorView& view) {
  constexpr std::size_t kSlice = 1U << 16;
  const std::size_t element = tensor::dtype_size(view.dtype);
  std::vector<float> slice;
  std::int64_t found = 0;
  for (std::size_t at = 0; at < view.bytes.size(); at += kSlice * element) {
    const auto bytes = view.bytes.subspan(at, std::min(kSlice * element, view.bytes.size() - at));
    slice.resize(bytes.size() / element);
    tensor::convert_to_f32(bytes, view.dtype, slice);
    found += count_not_finite(slice);
  }
  return found;
}

class Inspection {
 public:
  Inspection(const tensor::CheckpointReader& file, CheckpointReport& report, Depth depth)
      : file_(file),
        report_(report),
        depth_(depth),
        reader_(file, report.config.is_quantized, {}) {}

  void check_plain(const TensorShape& tensor);
  void check_quantized(const MapNames& map);
  void list_ignored();

 private:
  void count(const std::string& name);
  void check_sums(const MapNames& names, const QuantizedMap& map);
  void add_problem(std::string text) { report_.problems.push_back(std::move(text)); }

  const tensor::CheckpointReader& file_;
  CheckpointReport& report_;
  Depth depth_;
  WeightReader reader_;
  std::set<std::string> known_;
};

void Inspection::count(const std::string& name) {
  known_.insert(name);
  const auto view = file_.find(name);
  if (!view) return;
  ++report_.num_tensors;
  report_.bytes += view->bytes.size();
  report_.values[std::string(tensor::dtype_name(view->dtype))] += view->num_elements();
}

void Inspection::check_plain(const TensorShape& tensor) {
  count(tensor.name);
  const auto view = reader_.find_weight(tensor.name, tensor.shape);
  if (!view) return add_problem(view.error().message);
  if (depth_ == Depth::kShapes) return;
  const std::int64_t bad = count_not_finite(*view);
  if (bad > 0) {
    add_problem("tensor " + tensor.name +
                " holds values that are not finite: " + std::to_string(bad));
  }
}

void Inspection::check_quantized(const MapNames& names) {
  for (const char* part : {".weight", ".scales", ".compensation"}) count(names.name + part);
  if (names.has_bias) count(names.name + ".bias");
  const auto map = find_quantized_map(file_, names);
  if (!map) return add_problem(map.error().message);
  if (depth_ == Depth::kValues) check_sums(names, *map);
}

void Inspection::check_sums(const MapNames& names, const QuantizedMap& map) {
  if (count_not_finite(map.scales) + count_not_finite(map.bias) > 0) {
    add_problem("map " + names.name + " holds values that are not finite");
  }
  std::vector<std::int8_t> row(static_cast<std::size_t>(names.in));
  for (int n = 0; n < names.out(); ++n) {
    tensor::read_int8_row(map.layout, map.weights, n, row);
    const std::int32_t sum = std::accumulate(row.begin(), row.end(), std::int32_t{0});
    if (map.compensation[static_cast<std::size_t>(n)] == 128 * sum) continue;
    return add_problem("tensor " + names.name +
                       ".compensation does not fit the weights of output " + std::to_string(n));
  }
}

void Inspection::list_ignored() {
  for (std::string& name : file_.names()) {
    if (!known_.contains(name)) report_.ignored.push_back(std::move(name));
  }
}

std::vector<TensorShape> unquantized_tensors(const DecoderConfig& config) {
  if (!config.is_quantized) return plain_tensors(config);
  std::vector<TensorShape> tensors;
  if (!config.tie_word_embeddings) {
    tensors.push_back(
        {embedding_names(config).name + ".weight", {config.vocab_size, config.hidden_size}});
  }
  for (const VectorNames& norm : all_norms(config)) {
    tensors.push_back({norm.name + ".weight", {norm.size}});
  }
  return tensors;
}

}  // namespace

Result<CheckpointReport> inspect_checkpoint(const std::filesystem::path& dir, Depth depth) {
  CheckpointReport report;
  KITH_ASSIGN_OR_RETURN(report.config, load_decoder_config(dir));
  KITH_ASSIGN_OR_RETURN(const auto file, tensor::CheckpointReader::open(dir));
  Inspection inspection(file, report, depth);
  for (const TensorShape& tensor : unquantized_tensors(report.config)) {
    inspection.check_plain(tensor);
  }
  if (report.config.is_quantized) {
    for (const MapNames& map : all_maps(report.config)) inspection.check_quantized(map);
  }
  inspection.list_ignored();
  return report;
}

Result<CheckpointReport> check_plain_checkpoint(const std::filesystem::path& dir) {
  KITH_ASSIGN_OR_RETURN(const DecoderConfig config, load_decoder_config(dir));
  if (config.is_quantized) {
    return Error{ErrorCode::kInvalidArgument,
                 "is quantised; the checkpoint it was made from is needed: " + dir.string()};
  }
  KITH_ASSIGN_OR_RETURN(CheckpointReport report, inspect_checkpoint(dir, Depth::kValues));
  if (report.problems.empty()) return report;
  return Error{ErrorCode::kInvalidArgument, dir.string() + ": " + report.problems.front()};
}

}  // namespace kith::model
