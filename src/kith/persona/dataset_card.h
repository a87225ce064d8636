// What a dataset is and how it came about, for a machine (JSON) and for people (Markdown). Names no
// user and quotes nothing. The format is in docs/formats/training-data.md.
#pragma once

#include <filesystem>
#include <string>

#include "kith/base/result.h"
#include "kith/persona/training_data.h"

namespace kith::persona {

struct DatasetCard {
  std::string json;
  std::string markdown;
  // Of the bytes of all parts: 32 hexadecimal digits.
  std::string data_hash;
};

// What the card cannot see in the data.
struct CardFacts {
  // The adapter's name; "use_case" for that of all personas.
  std::string adapter;
  std::string base_model;  // a name for people
  // The adapter that training starts from; empty: a fresh one. And why.
  std::string init_adapter;
  std::string init_reason;
};

// The same data and facts give the same bytes.
DatasetCard describe(const TrainingData& data, const DataOptions& options, const CardFacts& facts);

// Writes train.jsonl, valid_users.jsonl, valid_latest.jsonl, card.json and card.md (mode 0600) as a
// directory that appears whole or not at all; replaces an earlier dataset.
// Errors: kConflict if something else is at `directory`; kUnavailable.
Status write_dataset(const TrainingData& data, const DatasetCard& card,
                     const std::filesystem::path& directory);

}  // namespace kith::persona
