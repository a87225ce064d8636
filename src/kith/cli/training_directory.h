// The data directory as a training uses it: opened for each use, so that a server can start while
// the trainer runs; read beside a server that holds it, which then registers what was trained.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "kith/base/result.h"
#include "kith/runtime/config.h"
#include "kith/runtime/installation.h"
#include "kith/tuning/pipeline.h"

namespace kith::cli {

// Borrows the settings. Thread-safe.
class TrainingDirectory {
 public:
  explicit TrainingDirectory(const runtime::Config& config) : config_(config) {}

  // Errors of all: those of open_to_read() and open_directory().
  Status with(const std::function<Status(runtime::Installation&)>& use) const;
  Status view(const std::function<Status(const tuning::InstallationView&)>& use) const;
  // The version of an adapter that serves, if one does. Errors: those of
  //   persona::VersionRegistry::verified_path().
  Result<std::optional<tuning::StartingPoint>> find_serving(const AdapterId& adapter) const;
  // In the directory itself, or by the server that holds it, which knows the persona, or an
  // adapter, by `name`. Returns the version ("leadership@3").
  Result<std::string> register_version(const std::string& name,
                                       const tuning::FinishedTraining& finished) const;

 private:
  const runtime::Config& config_;
};

}  // namespace kith::cli
