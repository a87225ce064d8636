#include "kith/upstream/torch_tensor.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace kith::upstream {
namespace {

// As in PKWARE's APPNOTE.TXT.
constexpr std::uint32_t kLocalHeader = 0x04034B50;
constexpr std::uint32_t kCentralHeader = 0x02014B50;
constexpr std::uint32_t kEndOfArchive = 0x06054B50;
constexpr std::size_t kLocalHeaderBytes = 30;
constexpr int kZipVersion = 20;
// 1980-01-01, the first day that a ZIP archive knows: equal tensors make equal bytes.
constexpr int kDosDate = (1 << 5) | 1;
constexpr std::size_t kAlignment = 64;
// An extra field of fill bytes, as PyTorch pads its entries.
constexpr int kPaddingField = 0x4246;
constexpr std::size_t kPaddingHeaderBytes = 4;

void put_int(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>((value >> (8 * i)) & 0xFFU);
}
void put16(std::string& out, std::uint64_t value) { put_int(out, value, 2); }
void put32(std::string& out, std::uint64_t value) { put_int(out, value, 4); }

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value >> 1) ^ ((value & 1U) != 0 ? 0xEDB88320U : 0U);
    }
    table[i] = value;
  }
  return table;
}

// CRC-32 of ISO 3309, as ZIP has it.
std::uint32_t crc32(std::string_view bytes) {
  static constexpr std::array<std::uint32_t, 256> kTable = make_crc_table();
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : bytes) {
    crc = (crc >> 8) ^ kTable[(crc ^ static_cast<unsigned char>(c)) & 0xFFU];
  }
  return ~crc;
}

// Writes entries without compression.
class StoredZip {
 public:
  void add(const std::string& name, std::string_view bytes) {
    const std::size_t offset = archive_.size();
    // At least the field's own header, and then what brings the data to the next multiple.
    const std::size_t begin = offset + kLocalHeaderBytes + name.size() + kPaddingHeaderBytes;
    const std::size_t padding = (kAlignment - begin % kAlignment) % kAlignment;
    const std::string common = describe(name, bytes);
    put32(archive_, kLocalHeader);
    archive_ += common;
    put16(archive_, kPaddingHeaderBytes + padding);
    archive_ += name;
    put16(archive_, kPaddingField);
    put16(archive_, padding);
    archive_.append(padding, 'Z');
    archive_ += bytes;

    put32(directory_, kCentralHeader);
    put16(directory_, kZipVersion);
    directory_ += common;
    put16(directory_, 0);  // extra field
    put16(directory_, 0);  // comment
    put16(directory_, 0);  // disk
    put16(directory_, 0);  // internal attributes
    put32(directory_, 0);  // external attributes
    put32(directory_, offset);
    directory_ += name;
    ++num_entries_;
  }

  std::string finish() && {
    const std::size_t offset = archive_.size();
    archive_ += directory_;
    put32(archive_, kEndOfArchive);
    put16(archive_, 0);  // this disk
    put16(archive_, 0);  // the directory's
    put16(archive_, num_entries_);
    put16(archive_, num_entries_);
    put32(archive_, directory_.size());
    put32(archive_, offset);
    put16(archive_, 0);  // comment
    return std::move(archive_);
  }

 private:
  // What both headers of an entry say alike, from the version needed to the length of the name.
  static std::string describe(const std::string& name, std::string_view bytes) {
    std::string out;
    put16(out, kZipVersion);
    put16(out, 0);  // flags
    put16(out, 0);  // stored
    put16(out, 0);  // time
    put16(out, kDosDate);
    put32(out, crc32(bytes));
    put32(out, bytes.size());
    put32(out, bytes.size());
    put16(out, name.size());
    return out;
  }

  std::string archive_;
  std::string directory_;
  std::size_t num_entries_ = 0;
};

// Opcodes of the pickle protocol 2, in the shortest form of an integer that Python's pickler takes.
std::string pickled_int(std::uint64_t value) {
  std::string out;
  if (value < 0x100) {
    out += 'K';
    put_int(out, value, 1);
  } else if (value < 0x10000) {
    out += 'M';
    put16(out, value);
  } else {
    out += 'J';
    put32(out, value);
  }
  return out;
}

std::string pickled_text(std::string_view text) {
  std::string out = "X";
  put32(out, text.size());
  out += text;
  return out;
}

std::string pickled_memo(int index) { return {'q', static_cast<char>(index)}; }

std::string pickled_pair(std::uint64_t first, std::uint64_t second) {
  return pickled_int(first) + pickled_int(second) + '\x86';
}

// torch._utils._rebuild_tensor_v2(storage, offset 0, (rows, width), strides (width, 1),
// requires_grad False, hooks OrderedDict()), with the storage told by its persistent id
// ("storage", torch.FloatStorage, "0", "cpu", number of values).
std::string tensor_program(std::uint64_t rows, std::uint64_t width) {
  std::string out = "\x80\x02";
  out += "ctorch._utils\n_rebuild_tensor_v2\n" + pickled_memo(0);
  out += "((" + pickled_text("storage") + pickled_memo(1);
  out += "ctorch\nFloatStorage\n" + pickled_memo(2);
  out += pickled_text("0") + pickled_memo(3);
  out += pickled_text("cpu") + pickled_memo(4);
  out += pickled_int(rows * width) + 't' + pickled_memo(5) + 'Q';
  out += pickled_int(0);
  out += pickled_pair(rows, width) + pickled_memo(6);
  out += pickled_pair(width, 1) + pickled_memo(7);
  out += '\x89';
  out += "ccollections\nOrderedDict\n" + pickled_memo(8) + ")R" + pickled_memo(9);
  out += 't' + pickled_memo(10) + 'R' + pickled_memo(11) + '.';
  return out;
}

std::string little_endian(std::span<const float> values) {
  std::string bytes;
  bytes.reserve(values.size() * sizeof(float));
  for (const float value : values) put32(bytes, std::bit_cast<std::uint32_t>(value));
  return bytes;
}

}  // namespace

Result<std::string> save_torch_tensor(std::span<const float> values, int rows, int width) {
  // ZIP's and the pickle's integers have 32 bits; no prompt comes near.
  constexpr std::uint64_t kMaxValues = (std::uint64_t{1} << 31) / sizeof(float);
  const bool fits =
      rows >= 1 && width >= 1 && values.size() < kMaxValues &&
      values.size() == static_cast<std::uint64_t>(rows) * static_cast<std::uint64_t>(width);
  if (!fits) {
    return Error{ErrorCode::kInvalidArgument,
                 "a tensor must fill its shape [" + std::to_string(rows) + ", " +
                     std::to_string(width) +
                     "] and stay below 2 GiB: " + std::to_string(values.size()) + " values"};
  }
  StoredZip zip;
  zip.add("archive/data.pkl",
          tensor_program(static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(width)));
  zip.add("archive/byteorder", "little");
  zip.add("archive/data/0", little_endian(values));
  zip.add("archive/version", "3\n");
  return std::move(zip).finish();
}

}  // namespace kith::upstream
