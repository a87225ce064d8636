// The adapters that requests may name. A request takes a snapshot of its adapter once, so that
// loading, replacing and unloading never pull weights from under a running answer.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kith/base/ids.h"
#include "kith/base/result.h"
#include "kith/model/adapter.h"

namespace kith::engine {

struct AdapterInfo {
  AdapterId id;
  // Hash of the adapter's bytes.
  std::string version;
  std::size_t bytes = 0;
  int max_rank = 0;
};

// Thread-safe.
class AdapterRegistry {
 public:
  explicit AdapterRegistry(model::DecoderConfig config) : config_(std::move(config)) {}

  // Loads a PEFT directory under `id`; replaces an adapter of that name for later requests.
  // Errors: kInvalidArgument for an empty id; those of model::Adapter::load().
  Status load(const AdapterId& id, const std::filesystem::path& dir);

  // Loads every sub-directory of `dir` that holds an adapter_config.json, under its name. A missing
  // `dir` means no adapters. Errors: those of load(), naming the adapter; the others are loaded.
  Status load_all(const std::filesystem::path& dir);

  // Errors: kNotFound.
  Status unload(const AdapterId& id);

  // Null if there is none of that name.
  std::shared_ptr<const model::Adapter> find_adapter(const AdapterId& id) const;
  // In the order of the names.
  std::vector<AdapterInfo> list() const;

 private:
  const model::DecoderConfig config_;
  mutable std::mutex mutex_;
  std::map<AdapterId, std::shared_ptr<const model::Adapter>> adapters_;  // guarded by mutex_
};

}  // namespace kith::engine
