// The configured model with adapters loaded on it, to measure versions on.
#pragma once

#include <filesystem>
#include <memory>

#include "kith/base/ids.h"
#include "kith/base/result.h"
#include "kith/cli/version_access.h"
#include "kith/personalize/ports.h"
#include "kith/runtime/config.h"
#include "kith/runtime/engine_generator.h"

namespace kith::cli {

// Movable; not thread-safe.
class VersionBench {
 public:
  // Errors: kInvalidArgument for an upstream, whose adapters are not ours; those of the model.
  static Result<VersionBench> open(const runtime::Config& config);

  // Under its own name. Errors: kConflict if the files have changed; those of the adapter.
  Result<AdapterId> load(const VersionInfo& info);
  // A PEFT directory, under the name given. Errors: those of the adapter.
  Status load(const AdapterId& name, const std::filesystem::path& directory);

  // The model's own adapter of that name; empty: it has none.
  AdapterId own(const AdapterId& adapter) const;

  personalize::Generator& generator() { return *generator_; }

 private:
  VersionBench() = default;

  std::unique_ptr<personalize::Generator> generator_;
  runtime::EngineGenerator* engine_ = nullptr;  // the same
};

}  // namespace kith::cli
