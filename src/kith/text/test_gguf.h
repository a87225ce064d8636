// Reads the vocabularies of GGUF files. Test code only.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace kith::text {

// Reads the key-value part of a GGUF file (version 3, little-endian), as far as this test needs it.
class GgufReader {
 public:
  explicit GgufReader(std::string bytes) : bytes_(std::move(bytes)) {}

  // The member `key`, an array of strings; empty if the file is malformed or has no such member.
  std::vector<std::string> strings(const std::string& key) {
    at_ = 16;
    for (auto left = read<std::uint64_t>(); left > 0 && !failed_; --left) {
      const std::string name = read_string();
      std::vector<std::string> found = read_value(read<std::uint32_t>());
      if (name == key) return failed_ ? std::vector<std::string>() : found;
    }
    return {};
  }

  // The same for an array of 32-bit integers.
  std::vector<std::int32_t> integers(const std::string& key) {
    at_ = 16;
    for (auto left = read<std::uint64_t>(); left > 0 && !failed_; --left) {
      if (read_string() != key) {
        read_value(read<std::uint32_t>());
        continue;
      }
      at_ += 2 * sizeof(std::uint32_t);
      std::vector<std::int32_t> values;
      for (auto items = read<std::uint64_t>(); items > 0 && !failed_; --items) {
        values.push_back(read<std::int32_t>());
      }
      return values;
    }
    return {};
  }

 private:
  static constexpr std::uint32_t kString = 8;
  static constexpr std::uint32_t kArray = 9;

  template <typename T>
  T read() {
    T value{};
    if (at_ + sizeof(T) > bytes_.size()) {
      failed_ = true;
    } else {
      std::memcpy(&value, bytes_.data() + at_, sizeof(T));
      at_ += sizeof(T);
    }
    return value;
  }

  std::string read_string() {
    const auto length = read<std::uint64_t>();
    failed_ = failed_ || length > bytes_.size() - at_;
    if (failed_) return {};
    at_ += length;
    return bytes_.substr(at_ - length, length);
  }

  std::vector<std::string> read_value(std::uint32_t type) {
    constexpr std::array<std::uint8_t, 13> kSizes = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    if (type == kString) return {read_string()};
    if (type != kArray) {
      at_ += kSizes.at(type);
      return {};
    }
    std::vector<std::string> values;
    const auto item_type = read<std::uint32_t>();
    for (auto left = read<std::uint64_t>(); left > 0 && !failed_; --left) {
      for (auto& value : read_value(item_type)) values.push_back(std::move(value));
    }
    return values;
  }

  std::string bytes_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

}  // namespace kith::text
