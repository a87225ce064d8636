#include "kith/engine/adapter_registry.h"

#include <algorithm>
#include <system_error>

namespace kith::engine {

Status AdapterRegistry::load(const AdapterId& id, const std::filesystem::path& dir) {
  if (id.empty()) return Error{ErrorCode::kInvalidArgument, "an adapter needs a name"};
  auto adapter = model::Adapter::load(dir, config_);
  if (!adapter) return std::move(adapter).error().with_context("loading adapter " + id.str());
  const std::lock_guard lock(mutex_);
  adapters_[id] = *std::move(adapter);
  return {};
}

Status AdapterRegistry::load_all(const std::filesystem::path& dir) {
  std::error_code error;
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(dir, error)) {
    if (std::filesystem::exists(entry.path() / "adapter_config.json", error)) {
      found.push_back(entry.path());
    }
  }
  std::sort(found.begin(), found.end());
  Status first;
  for (const auto& path : found) {
    auto loaded = load(AdapterId(path.filename().string()), path);
    if (!loaded && first) first = std::move(loaded);
  }
  return first;
}

Status AdapterRegistry::unload(const AdapterId& id) {
  const std::lock_guard lock(mutex_);
  if (adapters_.erase(id) == 0) return Error{ErrorCode::kNotFound, "no adapter named " + id.str()};
  return {};
}

std::shared_ptr<const model::Adapter> AdapterRegistry::find_adapter(const AdapterId& id) const {
  const std::lock_guard lock(mutex_);
  const auto it = adapters_.find(id);
  return it == adapters_.end() ? nullptr : it->second;
}

std::vector<AdapterInfo> AdapterRegistry::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<AdapterInfo> infos;
  for (const auto& [id, adapter] : adapters_) {
    infos.push_back({id, adapter->version(), adapter->bytes(), adapter->max_rank()});
  }
  return infos;
}

}  // namespace kith::engine
