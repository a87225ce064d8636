// The adapters that requests may name. A request takes a snapshot of its adapter once, so that
// loading, replacing, unloading and eviction never pull weights from under a running answer.
//
// Adapters are many and memory is not: those used least recently leave memory when a limit is
// passed, and are read from their directory again when a request names them (the tiers of S-LoRA,
// Sheng et al. 2023).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "kith/base/ids.h"
#include "kith/base/result.h"
#include "kith/model/adapter.h"

namespace kith::engine {

struct AdapterInfo {
  AdapterId id;
  // Given when the name is first loaded; stays until it is unloaded, and is not given again.
  int number = 0;
  std::filesystem::path dir;
  // Hash of the adapter's bytes as they were last loaded.
  std::string version;
  // In memory, if it is there.
  std::size_t bytes = 0;
  int max_rank = 0;
  bool is_resident = false;
};

struct AdapterRegistryOptions {
  // How the weights are held, best as the decoder's are.
  tensor::DType storage = tensor::DType::kF32;
  // Memory that resident adapters may take; the one used last stays even if it is larger alone.
  // What only running requests still hold does not count.
  std::size_t max_bytes = std::size_t{1} << 30;
  // Names that no adapter may have, since they mean something else where adapters are named.
  std::set<AdapterId> reserved;
};

// Thread-safe. Directories are read on the caller's thread, outside the lock that find() takes for
// adapters that are resident.
class AdapterRegistry {
 public:
  // Adapters are made for decoders of shape `config`.
  explicit AdapterRegistry(model::DecoderConfig config, const AdapterRegistryOptions& options = {})
      : config_(std::move(config)), options_(options) {}

  // Whether no adapter may have this name.
  bool is_reserved(const AdapterId& id) const { return options_.reserved.contains(id); }

  // Loads a PEFT directory under `id`, for later requests. On an error the adapter that was there
  // stays. Of two calls at once for a new name that do not replace, one alone succeeds.
  //   replaces: take the place of an adapter of that name
  // Errors: kConflict if the name is taken and `replaces` is false; kInvalidArgument for an empty
  // or
  //   reserved id; those of model::Adapter::load().
  Status load(const AdapterId& id, const std::filesystem::path& dir, bool replaces = true);

  // Loads every sub-directory of `dir` that holds an adapter_config.json, under its name. A missing
  // `dir` means no adapters. Errors: those of load(), naming the adapter; the others are loaded.
  Status load_all(const std::filesystem::path& dir);

  // Gives `id` the weights of the adapter `from`, in one step for whoever looks: to change over to
  // an adapter that has been loaded and found good. `id` keeps its number, or gets one.
  // Errors: kNotFound if there is no `from`; kInvalidArgument for an empty or reserved id.
  Status assign(const AdapterId& id, const AdapterId& from);

  // Errors: kNotFound.
  Status unload(const AdapterId& id);

  // The adapter of that name, read from its directory again if it had to leave memory.
  // Errors: kNotFound if there is none; kUnavailable, with the reason of model::Adapter::load(), if
  //   its directory is gone or broken.
  Result<std::shared_ptr<const model::Adapter>> find(const AdapterId& id);

  // In the order of the names.
  std::vector<AdapterInfo> list() const;

 private:
  struct Entry {
    int number = 0;
    std::filesystem::path dir;
    std::string version;
    int max_rank = 0;
    // Null while it is on disk alone.
    std::shared_ptr<const model::Adapter> adapter;
    std::uint64_t used = 0;
    // Counts load() and unload(), so that a slow find() does not bring back what was replaced.
    std::uint64_t generation = 0;
  };

  // Called under the lock.
  Status check_free(const AdapterId& id, bool replaces) const;
  void put(Entry& entry, std::shared_ptr<const model::Adapter> adapter);
  void evict();

  const model::DecoderConfig config_;
  const AdapterRegistryOptions options_;
  mutable std::mutex mutex_;
  std::map<AdapterId, Entry> entries_;  // guarded by mutex_
  std::uint64_t clock_ = 0;             // guarded by mutex_
  std::uint64_t generations_ = 0;       // guarded by mutex_
  int next_number_ = 0;                 // guarded by mutex_
};

}  // namespace kith::engine
