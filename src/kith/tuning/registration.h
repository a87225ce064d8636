// A finished training becomes a version of its adapter.
#pragma once

#include <string>

#include "kith/base/result.h"
#include "kith/persona/version_registry.h"
#include "kith/tuning/pipeline.h"

namespace kith::tuning {

// The candidate that these weights are; called again after a crash, the one of the first call. A
// user encoder passes or fails its gate at once (encoder_trial.h).
// Errors: those of persona::VersionRegistry::add().
Result<storage::AdapterVersionRow> register_training(persona::VersionRegistry& registry,
                                                     const FinishedTraining& finished);

// The same of the training that another process has under way in the data directory, which waits
// for it. Errors: kNotFound without one; kConflict if it has not come that far.
Result<storage::AdapterVersionRow> register_training_of(persona::VersionRegistry& registry,
                                                        const std::filesystem::path& data_dir,
                                                        const AdapterId& adapter);

}  // namespace kith::tuning
