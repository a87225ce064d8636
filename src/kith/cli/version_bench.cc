#include "kith/cli/version_bench.h"

#include "kith/base/clock.h"
#include "kith/runtime/application.h"
#include "kith/storage/directory_digest.h"

namespace kith::cli {

Result<VersionBench> VersionBench::open(const runtime::Config& config) {
  static const base::SystemClock clock;
  VersionBench bench;
  KITH_ASSIGN_OR_RETURN(bench.generator_, runtime::make_generator(config, clock));
  bench.engine_ = dynamic_cast<runtime::EngineGenerator*>(bench.generator_.get());
  if (bench.engine_ != nullptr) return bench;
  return Error{ErrorCode::kInvalidArgument,
               "versions are measured on a model of our own, not on an upstream"};
}

Result<AdapterId> VersionBench::load(const VersionInfo& info) {
  const auto hash = storage::digest_directory(info.path);
  if (!hash || *hash != info.content_hash) {
    return Error{ErrorCode::kConflict,
                 "the files of " + info.name() + " are not those that were registered"};
  }
  const AdapterId name(info.name());
  KITH_RETURN_IF_ERROR(load(name, info.path));
  return name;
}

Status VersionBench::load(const AdapterId& name, const std::filesystem::path& directory) {
  return engine_->adapters().load(name, directory);
}

AdapterId VersionBench::own(const AdapterId& adapter) const {
  for (const AdapterId& name : generator_->adapter_names()) {
    if (name == adapter) return name;
  }
  return {};
}

}  // namespace kith::cli
