// The training of the user encoder from the installation's timelines, as one pipeline: select,
// card, train (kith-train), next events of held-out users, gate, register. The stages are kept and
// taken up as those of an adapter's training (staged_training.h). ADR 28;
// docs/guides/user-embeddings.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "kith/base/result.h"
#include "kith/timeline/event_texts.h"
#include "kith/timeline/schema.h"
#include "kith/tuning/encoder_recipe.h"
#include "kith/tuning/staged_training.h"
#include "kith/tuning/timeline_dataset.h"
#include "kith/tuning/timeline_selection.h"

namespace kith::tuning {

struct EncoderRequest {
  std::filesystem::path data_dir;
  std::filesystem::path trainer;  // kith-train
  timeline::TimelineSchema schema;
  TimelineOptions data;
  EncoderRecipe recipe = EncoderRecipe::standard();
  // For a schema with texts; null: texts are only there or missing.
  std::shared_ptr<const timeline::EventTexts> texts;
  bool resumes = false;
  bool is_fresh = false;
  // kith-train's progress goes to the log only.
  bool is_quiet = false;
};

// What a training will cost, from a short one.
struct EncoderForecast {
  TimelineCard card;
  std::int64_t data_events = 0;
  // That the run takes; 0 if minutes bound it.
  std::int64_t run_events = 0;
  TimedSteps timed;
  double seconds = 0.0;
};

// Errors of both: kInvalidArgument for too few users or a recipe that cannot be trained; those of
//   StagedTraining::run().

// Does what is left to do and returns the finished job.
Result<JobState> train_encoder(const EncoderRequest& request, const StagePorts& ports);

// Selects, times a few steps in a directory that is removed again, and leaves nothing behind.
Result<EncoderForecast> forecast_encoder(const EncoderRequest& request, const StagePorts& ports);

}  // namespace kith::tuning
