// The files of a user encoder's dataset and its card (docs/formats/training-data.md).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/timeline/event_texts.h"
#include "kith/tuning/timeline_selection.h"

namespace kith::tuning {

// What a dataset is and how it came about; names no user and quotes no event.
struct TimelineCard {
  std::string json;
  std::string markdown;
  // Of the bytes of features.json, timelines.safetensors and valid.jsonl: 32 hexadecimal digits.
  std::string data_hash;
};

// Writes features.json, timelines.safetensors (timeline/training_file.h), valid.jsonl (a validation
// user a line), card.json and card.md as a directory that appears whole or not at all; replaces an
// earlier dataset. The same selection and options give the same bytes.
//   texts: the encoder that options.text_source names; null without
// Errors: those of TrainingFileWriter::save(); kConflict if something else is at `directory`;
// kUnavailable.
Result<TimelineCard> write_timelines(const FittedSelection& fitted, const TimelineOptions& options,
                                     const timeline::EventTexts* texts,
                                     const std::filesystem::path& directory);

// The validation users' events, as write_timelines() wrote them. Errors: kNotFound;
//   kInvalidArgument for damaged ones.
Result<std::vector<std::vector<storage::TimelineEvent>>> read_validation(
    const std::filesystem::path& directory);

}  // namespace kith::tuning
