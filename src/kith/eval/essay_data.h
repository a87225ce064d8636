// Scored essays: the education example (examples/education).
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "kith/base/result.h"

namespace kith::eval {

inline constexpr int kLowestEssayScore = 1;
inline constexpr int kHighestEssayScore = 6;

inline constexpr int kHighestTraitLevel = 5;  // the lowest is 1

enum class EssaySplit { kTrain, kValid, kTest };

// What a marker looks at, in the order of the rubric (examples/education/rubric.md).
inline constexpr std::array kEssayTraits{"content", "organisation", "language", "conventions"};

// A level for each trait; a marker's are whole, a model's may lie between two.
using TraitLevels = std::array<double, kEssayTraits.size()>;

struct Essay {
  std::string id;
  // The task that the pupil was given.
  std::string prompt;
  std::string text;
  TraitLevels traits{};  // each in [1, kHighestTraitLevel]
  int score = 0;         // in [kLowestEssayScore, kHighestEssayScore]
  EssaySplit split = EssaySplit::kTrain;
};

// Reads DIRECTORY/prompts.jsonl {"id","text"} and DIRECTORY/essays.jsonl
// {"id","prompt","split","text","traits":{TRAIT:LEVEL,..},"score"}.
// Errors: kNotFound; kInvalidArgument naming the essay that is wrong.
Result<std::vector<Essay>> load_essays(const std::filesystem::path& directory);

// The question that a scorer answers with one digit, the level of a trait; training
// (tools/corpus/make_essays.py) asks the same. REQUIRES: trait < kEssayTraits.size().
std::string essay_question(const Essay& essay, std::size_t trait);

// The score that follows from levels by the rule of the rubric: 2 x content + organisation +
// language + conventions, cut at its bounds; with content at the lowest level at most 2. Levels
// between two are not rounded before they are summed.
int score_of_traits(const TraitLevels& levels);

// What can be counted without reading: words, paragraphs, letters a word, share of different words,
// words a sentence, commas a word.
using SurfaceFeatures = std::array<double, 6>;
SurfaceFeatures surface_features(const std::string& text);

}  // namespace kith::eval
