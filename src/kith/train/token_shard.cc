#include "kith/train/token_shard.h"

#include <array>
#include <cmath>
#include <cstring>
#include <string>

namespace kith::train {
namespace {

constexpr std::array<char, 8> kMagic{'K', 'I', 'T', 'H', 'T', 'O', 'K', '1'};
constexpr std::array<char, 8> kWeightedMagic{'K', 'I', 'T', 'H', 'T', 'O', 'K', '2'};

struct Header {
  std::array<char, 8> magic;
  std::uint64_t documents;
  std::uint64_t tokens;
  std::uint64_t text_bytes;
};

template <typename T>
void append(std::string& out, const T* data, std::size_t count) {
  const std::size_t at = out.size();
  out.resize(at + count * sizeof(T));
  if (count > 0) std::memcpy(out.data() + at, data, count * sizeof(T));
}

Error damaged(const std::filesystem::path& path) {
  return Error{ErrorCode::kInvalidArgument, "not a token shard: " + path.string()};
}

}  // namespace

Status ShardBuilder::save(const std::filesystem::path& path) const {
  const Header header{weights.empty() ? kMagic : kWeightedMagic, offsets.size() - 1, tokens.size(),
                      text_bytes};
  std::string bytes;
  bytes.reserve(sizeof(header) + offsets.size() * 8 + tokens.size() * 4);
  append(bytes, &header, 1);
  append(bytes, offsets.data(), offsets.size());
  append(bytes, tokens.data(), tokens.size());
  append(bytes, weights.data(), weights.size());
  return base::write_file_atomically(path, bytes);
}

Result<TokenShard> TokenShard::open(const std::filesystem::path& path) {
  KITH_ASSIGN_OR_RETURN(auto file, base::MappedFile::open(path));
  TokenShard shard(std::move(file));
  const auto bytes = shard.file_.bytes();
  Header header{};
  if (bytes.size() < sizeof(header)) return damaged(path);
  std::memcpy(&header, bytes.data(), sizeof(header));
  // Bounds by division: the numbers come from a file and may overflow when multiplied.
  const std::size_t rest = bytes.size() - sizeof(header);
  const bool is_weighted = header.magic == kWeightedMagic;
  if (!is_weighted && header.magic != kMagic) return damaged(path);
  if (header.documents >= rest / 8) return damaged(path);
  const std::size_t offset_bytes = (header.documents + 1) * 8;
  const std::size_t num_weights = is_weighted ? header.documents : 0;
  const std::size_t words = (rest - offset_bytes) / 4;
  if ((rest - offset_bytes) % 4 != 0 || words < num_weights ||
      header.tokens != words - num_weights) {
    return damaged(path);
  }
  // The header is 32 bytes and mappings are page-aligned, so both arrays are aligned.
  const std::byte* at = bytes.data() + sizeof(header);
  shard.offsets_ = {reinterpret_cast<const std::uint64_t*>(at), header.documents + 1};
  shard.tokens_ = {reinterpret_cast<const std::uint32_t*>(at + offset_bytes), header.tokens};
  const std::byte* weights_at = at + offset_bytes + header.tokens * 4;
  shard.weights_ = {reinterpret_cast<const float*>(weights_at), num_weights};
  shard.text_bytes_ = header.text_bytes;
  if (shard.offsets_.front() != 0 || shard.offsets_.back() != header.tokens) return damaged(path);
  for (std::size_t i = 1; i < shard.offsets_.size(); ++i) {
    if (shard.offsets_[i] < shard.offsets_[i - 1]) return damaged(path);
  }
  for (const float weight : shard.weights_) {
    if (!(weight > 0.0F && std::isfinite(weight))) return damaged(path);
  }
  return shard;
}

}  // namespace kith::train
