#include "kith/personalize/ports.h"

#include <algorithm>

namespace kith::personalize {

std::vector<AdapterShare> only_adapter(const AdapterId& id) {
  if (id.empty()) return {};
  return {{id, 1.0}};
}

Status Generator::load_adapter(const AdapterId&, const std::string&, bool) {
  return Error{ErrorCode::kUnavailable, "adapters are loaded by the own engine only"};
}

Status Generator::unload_adapter(const AdapterId&) {
  return Error{ErrorCode::kUnavailable, "adapters are loaded by the own engine only"};
}

Result<std::shared_ptr<const HeldAdapters>> Generator::hold_adapters(
    std::span<const AdapterShare> shares) const {
  const auto names = adapter_names();
  for (const AdapterShare& share : shares) {
    if (std::find(names.begin(), names.end(), share.id) == names.end()) {
      return Error{ErrorCode::kNotFound, "no adapter of this name is loaded: " + share.id.str()};
    }
  }
  return std::shared_ptr<const HeldAdapters>();
}

std::vector<LoadedAdapter> Generator::loaded_adapters() const {
  auto names = adapter_names();
  std::sort(names.begin(), names.end());
  std::vector<LoadedAdapter> loaded;
  for (AdapterId& name : names) {
    loaded.push_back({static_cast<int>(loaded.size()), std::move(name), {}});
  }
  return loaded;
}

Result<std::shared_ptr<const SoftPrompt>> Generator::read_soft_prompt(
    const EncodedSoftPrompt&) const {
  return Error{ErrorCode::kInvalidArgument,
               "kith.soft_prompt is not supported: only the built-in engine takes embedding rows"};
}

Result<std::shared_ptr<const HeldMemory>> Generator::hold_memory(const UserMemory&) const {
  return Error{ErrorCode::kUnavailable, capabilities().no_memories};
}

std::size_t Generator::count_tokens(std::string_view text) const {
  std::size_t ascii = 0;
  std::size_t others = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      ++ascii;
    } else if ((byte & 0xC0) != 0x80) {
      ++others;  // first byte of a longer code point
    }
  }
  return (ascii + 2) / 3 + others;
}

}  // namespace kith::personalize
