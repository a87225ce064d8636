#include "kith/persona/sparse_model.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "kith/base/check.h"
#include "kith/tensor/safetensors.h"

namespace kith::persona {
namespace {

Error invalid(const std::string& what) { return Error{ErrorCode::kInvalidArgument, what}; }

// Tensors of a weights' file by name, with the bytes they were copied to.
class TensorReader {
 public:
  TensorReader(const tensor::SafetensorsHeader& header, std::span<const std::byte> file)
      : header_(header), file_(file) {}

  template <typename T>
  Result<std::vector<T>> read(const std::string& name, tensor::DType dtype,
                              const std::vector<std::int64_t>& shape) const {
    const auto it = header_.tensors.find(name);
    if (it == header_.tensors.end()) return invalid("tensor " + name + " is missing");
    const tensor::TensorInfo& info = it->second;
    if (info.dtype != dtype || info.shape != shape) {
      return invalid("tensor " + name + " must be " + std::string(tensor::dtype_name(dtype)) +
                     " of the shape that the card asks for");
    }
    std::vector<T> values((info.end - info.begin) / sizeof(T));
    if (!values.empty()) {
      std::memcpy(values.data(), file_.data() + info.begin, values.size() * sizeof(T));
    }
    return values;
  }

  // Length of a tensor of one dimension; no value if there is none such.
  std::optional<std::int64_t> length(const std::string& name) const {
    const auto it = header_.tensors.find(name);
    if (it == header_.tensors.end() || it->second.shape.size() != 1) return std::nullopt;
    return it->second.shape.front();
  }

 private:
  const tensor::SafetensorsHeader& header_;
  std::span<const std::byte> file_;
};

std::string member_name(std::size_t member, const char* what) {
  return "members." + std::to_string(member) + "." + what;
}

Result<QuantizedRows> read_rows(const TensorReader& reader, const std::string& name,
                                std::size_t rows, std::size_t columns) {
  const auto height = static_cast<std::int64_t>(rows);
  const auto width = static_cast<std::int64_t>(columns);
  KITH_ASSIGN_OR_RETURN(auto values,
                        reader.read<std::int8_t>(name, tensor::DType::kInt8, {height, width}));
  KITH_ASSIGN_OR_RETURN(auto scales,
                        reader.read<float>(name + "_scale", tensor::DType::kF32, {height}));
  auto matrix = QuantizedRows::create(std::move(values), std::move(scales), columns);
  if (!matrix) return invalid(name + ": " + matrix.error().message);
  return matrix;
}

Result<SparseNetwork> read_member(const TensorReader& reader, std::size_t member,
                                  std::size_t inputs, const SparseModelShape& shape) {
  const std::size_t outputs = shape.outputs;
  const std::size_t width = outputs + shape.hidden;
  KITH_ASSIGN_OR_RETURN(auto input, read_rows(reader, member_name(member, "input"), inputs, width));
  KITH_ASSIGN_OR_RETURN(auto bias,
                        reader.read<float>(member_name(member, "bias"), tensor::DType::kF32,
                                           {static_cast<std::int64_t>(width)}));
  QuantizedRows output;
  if (shape.hidden > 0) {
    KITH_ASSIGN_OR_RETURN(output,
                          read_rows(reader, member_name(member, "output"), shape.hidden, outputs));
  }
  auto network =
      SparseNetwork::create(std::move(input), std::move(bias), std::move(output), outputs);
  if (!network) return invalid(network.error().message);
  return network;
}

template <typename T>
tensor::TensorToSave to_save(std::string name, tensor::DType dtype, std::vector<std::int64_t> shape,
                             const std::vector<T>& values) {
  return {std::move(name), dtype, std::move(shape), std::as_bytes(std::span(values))};
}

void add_rows(const std::string& name, const QuantizedRows& rows,
              std::vector<tensor::TensorToSave>& tensors) {
  const auto height = static_cast<std::int64_t>(rows.num_rows());
  const auto width = static_cast<std::int64_t>(rows.columns());
  tensors.push_back(to_save(name, tensor::DType::kInt8, {height, width}, rows.values()));
  tensors.push_back(to_save(name + "_scale", tensor::DType::kF32, {height}, rows.scales()));
}

}  // namespace

void SparseModel::run(std::span<const WeighedRow> rows, std::span<float> outputs) const {
  std::fill(outputs.begin(), outputs.end(), 0.0F);
  for (const SparseNetwork& member : members) member.add_outputs(rows, outputs);
  if (members.size() == 1) return;
  const float scale = 1.0F / static_cast<float>(members.size());
  for (float& output : outputs) output *= scale;
}

std::string to_bytes(const SparseModel& model) {
  std::vector<tensor::TensorToSave> tensors;
  const auto features = static_cast<std::int64_t>(model.features.size());
  tensors.push_back(
      to_save("features", tensor::DType::kUint64, {features}, model.features.hashes()));
  tensors.push_back(to_save("idf", tensor::DType::kF32, {features}, model.features.idf()));
  for (std::size_t i = 0; i < model.members.size(); ++i) {
    const SparseNetwork& member = model.members[i];
    add_rows(member_name(i, "input"), member.input(), tensors);
    tensors.push_back(to_save(member_name(i, "bias"), tensor::DType::kF32,
                              {static_cast<std::int64_t>(member.bias().size())}, member.bias()));
    if (member.hidden() > 0) add_rows(member_name(i, "output"), member.output(), tensors);
  }
  auto bytes = tensor::serialize_safetensors(tensors);
  KITH_CHECK(bytes.has_value(), "the tensors of a model have different names and fit");
  return *std::move(bytes);
}

Result<SparseModel> parse_sparse_model(std::span<const std::byte> file,
                                       const SparseModelShape& shape) {
  auto header = tensor::parse_safetensors(file);
  if (!header) return invalid(header.error().message);
  const TensorReader reader(*header, file);
  const auto length = reader.length("features");
  if (!length) return invalid("tensor features is missing");
  KITH_ASSIGN_OR_RETURN(auto hashes,
                        reader.read<FeatureHash>("features", tensor::DType::kUint64, {*length}));
  KITH_ASSIGN_OR_RETURN(auto idf, reader.read<float>("idf", tensor::DType::kF32, {*length}));
  SparseModel model;
  auto features = FeatureTable::create(std::move(hashes), std::move(idf));
  if (!features) return invalid(features.error().message);
  model.features = *std::move(features);
  const std::size_t inputs = model.features.size() + shape.extra_inputs;
  for (std::size_t i = 0; i < shape.members; ++i) {
    KITH_ASSIGN_OR_RETURN(auto member, read_member(reader, i, inputs, shape));
    model.members.push_back(std::move(member));
  }
  return model;
}

}  // namespace kith::persona
