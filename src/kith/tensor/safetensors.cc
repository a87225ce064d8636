#include "kith/tensor/safetensors.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "kith/base/json.h"

namespace kith::tensor {
namespace {

constexpr std::size_t kPrefixBytes = 8;
constexpr std::size_t kMaxDims = 8;
constexpr const char* kMetadataKey = "__metadata__";

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

// Bytes of a tensor, or no value if the product does not fit.
std::optional<std::size_t> tensor_bytes(DType dtype, std::span<const std::int64_t> shape) {
  std::uint64_t bytes = dtype_size(dtype);
  for (const std::int64_t size : shape) {
    if (size < 0) return std::nullopt;
    if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(size), &bytes))
      return std::nullopt;
  }
  if (bytes > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(bytes);
}

// A JSON array of non-negative integers.
Result<std::vector<std::int64_t>> read_sizes(const base::Json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_array()) {
    return invalid(std::string(key) + " must be an array");
  }
  if (it->size() > kMaxDims) return invalid(std::string(key) + " has too many members");
  std::vector<std::int64_t> sizes;
  for (const base::Json& item : *it) {
    if (!item.is_number_unsigned() ||
        item.get<std::uint64_t>() >
            static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return invalid(std::string(key) + " must hold non-negative integers");
    }
    sizes.push_back(item.get<std::int64_t>());
  }
  return sizes;
}

// One entry of the header. `data_begin` is where the data starts in the file of `file_size` bytes.
Result<TensorInfo> read_tensor(const base::Json& entry, std::size_t data_begin,
                               std::size_t file_size) {
  if (!entry.is_object()) return invalid("entry must be an object");
  KITH_ASSIGN_OR_RETURN(const auto type, base::read_string(entry, "dtype"));
  if (!type) return invalid("dtype is missing");
  const auto dtype = dtype_from_name(*type);
  if (!dtype) return invalid("unknown dtype: " + type->substr(0, 32));

  TensorInfo info;
  info.dtype = *dtype;
  KITH_ASSIGN_OR_RETURN(info.shape, read_sizes(entry, "shape"));
  KITH_ASSIGN_OR_RETURN(const auto offsets, read_sizes(entry, "data_offsets"));
  if (offsets.size() != 2) return invalid("data_offsets must have two members");
  const auto begin = static_cast<std::size_t>(offsets[0]);
  const auto end = static_cast<std::size_t>(offsets[1]);
  if (begin > end || end > file_size - data_begin) {
    return invalid("data_offsets lie outside the file, which may be truncated");
  }
  const auto bytes = tensor_bytes(info.dtype, info.shape);
  if (!bytes || *bytes != end - begin) return invalid("shape does not fit data_offsets");
  info.begin = data_begin + begin;
  info.end = data_begin + end;
  return info;
}

Status read_metadata(const base::Json& entry, SafetensorsHeader& header) {
  if (!entry.is_object()) return invalid("__metadata__ must be an object");
  for (const auto& [key, value] : entry.items()) {
    if (!value.is_string()) return invalid("__metadata__ must hold strings");
    header.metadata[key] = value.get<std::string>();
  }
  return {};
}

// Tensors must tile the data: an overlap could alias weights, a hole could hide bytes. A key that
// occurs twice leaves a hole too, because the JSON reader keeps only the last.
Status check_tiling(const SafetensorsHeader& header, std::size_t data_begin,
                    std::size_t file_size) {
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  ranges.reserve(header.tensors.size());
  for (const auto& [name, info] : header.tensors) ranges.emplace_back(info.begin, info.end);
  std::sort(ranges.begin(), ranges.end());
  std::size_t expected = data_begin;
  for (const auto& [begin, end] : ranges) {
    if (begin < expected) return invalid("tensors overlap");
    if (begin > expected) return invalid("there is a hole between tensors");
    expected = end;
  }
  if (expected != file_size) return invalid("bytes after the last tensor");
  return {};
}

// Everything before the data.
Result<std::string> make_header(std::span<const TensorPlan> tensors,
                                const std::map<std::string, std::string>& metadata) {
  base::OrderedJson header = base::OrderedJson::object();
  if (!metadata.empty()) header[kMetadataKey] = metadata;
  std::size_t offset = 0;
  for (const TensorPlan& tensor : tensors) {
    const auto bytes = tensor_bytes(tensor.dtype, tensor.shape);
    if (!bytes) return invalid("tensor " + tensor.name + " has an impossible shape");
    if (tensor.name == kMetadataKey || header.contains(tensor.name)) {
      return invalid("tensor name is reserved or repeated: " + tensor.name);
    }
    header[tensor.name] = {{"dtype", dtype_name(tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, offset + *bytes}}};
    offset += *bytes;
  }
  std::string text = base::dump_json(header);
  // Padded so that the data starts at a multiple of 64: packed weights are computed with in place.
  text.resize((kPrefixBytes + text.size() + 63) / 64 * 64 - kPrefixBytes, ' ');
  const std::uint64_t header_size = text.size();
  std::string out(kPrefixBytes, '\0');
  std::memcpy(out.data(), &header_size, sizeof header_size);
  return out + text;
}

Error cannot_write(const std::filesystem::path& path) {
  return Error{ErrorCode::kUnavailable, "cannot write " + path.string()};
}

}  // namespace

Result<SafetensorsHeader> parse_safetensors(std::span<const std::byte> file) {
  if (file.size() < kPrefixBytes) return invalid("shorter than the 8 bytes of the header length");
  std::uint64_t header_size = 0;
  std::memcpy(&header_size, file.data(), sizeof header_size);
  if (header_size > kMaxSafetensorsHeader) {
    return invalid("header longer than 100000000 bytes: " + std::to_string(header_size));
  }
  if (header_size > file.size() - kPrefixBytes) {
    return invalid("header reaches beyond the end of the file");
  }
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + kPrefixBytes,
                              static_cast<std::size_t>(header_size));
  auto json = base::parse_json(text);
  if (!json) return std::move(json).error().with_context("header");
  if (!json->is_object()) return invalid("header must be an object");

  SafetensorsHeader header;
  const std::size_t data_begin = kPrefixBytes + static_cast<std::size_t>(header_size);
  for (const auto& [name, entry] : json->items()) {
    if (name == kMetadataKey) {
      KITH_RETURN_IF_ERROR(read_metadata(entry, header));
      continue;
    }
    auto info = read_tensor(entry, data_begin, file.size());
    if (!info) return std::move(info).error().with_context("tensor " + name.substr(0, 200));
    header.tensors.emplace(name, *std::move(info));
  }
  KITH_RETURN_IF_ERROR(check_tiling(header, data_begin, file.size()));
  return header;
}

std::int64_t TensorView::num_elements() const {
  return static_cast<std::int64_t>(bytes.size() / dtype_size(dtype));
}

Result<SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
  KITH_ASSIGN_OR_RETURN(auto file, base::MappedFile::open(path));
  auto header = parse_safetensors(file.bytes());
  if (!header) return std::move(header).error().with_context(path.string());
  return SafetensorsFile(std::move(file), *std::move(header));
}

std::optional<TensorView> SafetensorsFile::find(std::string_view name) const {
  const auto it = header_.tensors.find(name);
  if (it == header_.tensors.end()) return std::nullopt;
  const TensorInfo& info = it->second;
  return TensorView{info.dtype, info.shape,
                    file_.bytes().subspan(info.begin, info.end - info.begin)};
}

Result<std::string> serialize_safetensors(std::span<const TensorToSave> tensors,
                                          const std::map<std::string, std::string>& metadata) {
  std::vector<TensorPlan> plans;
  std::size_t size = 0;
  for (const TensorToSave& tensor : tensors) {
    if (tensor_bytes(tensor.dtype, tensor.shape) != tensor.bytes.size()) {
      return invalid("bytes of tensor " + tensor.name + " do not fit its shape");
    }
    plans.push_back({tensor.name, tensor.dtype, tensor.shape});
    size += tensor.bytes.size();
  }
  KITH_ASSIGN_OR_RETURN(std::string out, make_header(plans, metadata));
  out.reserve(out.size() + size);
  for (const TensorToSave& tensor : tensors) {
    out.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
  }
  return out;
}

Result<SafetensorsWriter> SafetensorsWriter::create(
    const std::filesystem::path& path, std::vector<TensorPlan> tensors,
    const std::map<std::string, std::string>& metadata) {
  KITH_ASSIGN_OR_RETURN(const std::string header, make_header(tensors, metadata));
  SafetensorsWriter writer;
  writer.path_ = path;
  writer.tensors_ = std::move(tensors);
  writer.stream_.open(path, std::ios::binary | std::ios::trunc);
  writer.stream_ << header;
  if (!writer.stream_) return cannot_write(path);
  return writer;
}

Status SafetensorsWriter::append(std::span<const std::byte> bytes) {
  if (next_ == tensors_.size()) return invalid("more tensors than were planned");
  const TensorPlan& plan = tensors_[next_];
  if (tensor_bytes(plan.dtype, plan.shape) != bytes.size()) {
    return invalid("bytes of tensor " + plan.name + " do not fit its shape");
  }
  stream_.write(reinterpret_cast<const char*>(bytes.data()),
                static_cast<std::streamsize>(bytes.size()));
  if (!stream_) return cannot_write(path_);
  ++next_;
  return {};
}

Status SafetensorsWriter::finish() {
  if (next_ != tensors_.size()) return invalid("tensor " + tensors_[next_].name + " is missing");
  stream_.close();
  if (!stream_) return cannot_write(path_);
  return {};
}

Status save_safetensors(const std::filesystem::path& path, std::span<const TensorToSave> tensors,
                        const std::map<std::string, std::string>& metadata) {
  KITH_ASSIGN_OR_RETURN(const std::string bytes, serialize_safetensors(tensors, metadata));
  return base::write_file_atomically(path, bytes);
}

}  // namespace kith::tensor
