// Scored essays: the education example (examples/education).
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "kith/base/result.h"

namespace kith::eval {

inline constexpr int kLowestEssayScore = 1;
inline constexpr int kHighestEssayScore = 6;

enum class EssaySplit { kTrain, kValid, kTest };

struct Essay {
  std::string id;
  // The task that the pupil was given.
  std::string prompt;
  std::string text;
  int score = 0;  // in [kLowestEssayScore, kHighestEssayScore]
  EssaySplit split = EssaySplit::kTrain;
};

// Reads DIRECTORY/prompts.jsonl {"id","text"} and DIRECTORY/essays.jsonl
// {"id","prompt","split","text","score"}.
// Errors: kNotFound; kInvalidArgument naming the essay that is wrong.
Result<std::vector<Essay>> load_essays(const std::filesystem::path& directory);

// The question that a scorer answers with one digit; training (tools/corpus/make_essays.py) asks
// the same.
std::string essay_question(const Essay& essay);

// What can be counted without reading: words, paragraphs, letters a word, share of different words,
// words a sentence, commas a word.
using SurfaceFeatures = std::array<double, 6>;
SurfaceFeatures surface_features(const std::string& text);

}  // namespace kith::eval
