#include "kith/engine/adapter_registry.h"

#include <algorithm>
#include <system_error>

namespace kith::engine {
namespace {

Error not_loaded(const AdapterId& id) {
  return Error{ErrorCode::kNotFound, "no adapter of this name is loaded: " + id.str()};
}

}  // namespace

Status AdapterRegistry::check_free(const AdapterId& id, bool replaces) const {
  if (replaces || !entries_.contains(id)) return {};
  return Error{ErrorCode::kConflict, "an adapter of that name is loaded already: " + id.str()};
}

Status AdapterRegistry::load(const AdapterId& id, const std::filesystem::path& dir, bool replaces) {
  if (id.empty()) return Error{ErrorCode::kInvalidArgument, "an adapter needs a name"};
  if (is_reserved(id)) {
    return Error{ErrorCode::kInvalidArgument,
                 "an adapter cannot have the name of a model: " + id.str()};
  }
  {
    // Once before the files are read, so that a mistake costs little.
    const std::lock_guard lock(mutex_);
    KITH_RETURN_IF_ERROR(check_free(id, replaces));
  }
  KITH_ASSIGN_OR_RETURN(auto adapter, model::Adapter::load(dir, config_, options_.storage));
  const std::lock_guard lock(mutex_);
  KITH_RETURN_IF_ERROR(check_free(id, replaces));
  const auto [it, is_new] = entries_.try_emplace(id);
  Entry& entry = it->second;
  if (is_new) entry.number = next_number_++;
  entry.dir = dir;
  entry.generation = ++generations_;
  put(entry, std::move(adapter));
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

Status AdapterRegistry::assign(const AdapterId& id, const AdapterId& from) {
  if (id.empty() || is_reserved(id)) {
    return Error{ErrorCode::kInvalidArgument, "no adapter may have this name: " + id.str()};
  }
  const std::lock_guard lock(mutex_);
  const auto source = entries_.find(from);
  if (source == entries_.end()) return not_loaded(from);
  Entry copy = source->second;
  const auto [it, is_new] = entries_.try_emplace(id);
  copy.number = is_new ? next_number_++ : it->second.number;
  copy.generation = ++generations_;
  copy.used = ++clock_;
  it->second = std::move(copy);
  evict();
  return {};
}

Status AdapterRegistry::unload(const AdapterId& id) {
  const std::lock_guard lock(mutex_);
  if (entries_.erase(id) == 0) return not_loaded(id);
  return {};
}

Result<std::shared_ptr<const model::Adapter>> AdapterRegistry::find(const AdapterId& id) {
  std::filesystem::path dir;
  std::uint64_t generation = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto it = entries_.find(id);
    if (it == entries_.end()) return not_loaded(id);
    it->second.used = ++clock_;
    if (it->second.adapter != nullptr) return it->second.adapter;
    dir = it->second.dir;
    generation = it->second.generation;
  }
  auto adapter = model::Adapter::load(dir, config_, options_.storage);
  if (!adapter) {
    return Error{ErrorCode::kUnavailable,
                 "adapter " + id.str() + " cannot be read again: " + adapter.error().message};
  }
  const std::lock_guard lock(mutex_);
  const auto it = entries_.find(id);
  if (it != entries_.end() && it->second.generation == generation) put(it->second, *adapter);
  return adapter;
}

void AdapterRegistry::put(Entry& entry, std::shared_ptr<const model::Adapter> adapter) {
  entry.version = adapter->version();
  entry.max_rank = adapter->max_rank();
  entry.adapter = std::move(adapter);
  entry.used = ++clock_;
  evict();
}

void AdapterRegistry::evict() {
  while (true) {
    std::size_t bytes = 0;
    Entry* oldest = nullptr;
    for (auto& [id, entry] : entries_) {
      if (entry.adapter == nullptr) continue;
      bytes += entry.adapter->bytes();
      if (oldest == nullptr || entry.used < oldest->used) oldest = &entry;
    }
    if (bytes <= options_.max_bytes || oldest == nullptr || oldest->used == clock_) return;
    oldest->adapter = nullptr;
  }
}

std::vector<AdapterInfo> AdapterRegistry::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<AdapterInfo> infos;
  for (const auto& [id, entry] : entries_) {
    infos.push_back({.id = id,
                     .number = entry.number,
                     .dir = entry.dir,
                     .version = entry.version,
                     .bytes = entry.adapter ? entry.adapter->bytes() : 0,
                     .max_rank = entry.max_rank,
                     .is_resident = entry.adapter != nullptr});
  }
  return infos;
}

}  // namespace kith::engine
