#include <algorithm>
#include <cmath>

#include "kith/eval/agreement.h"
#include "kith/eval/essay_floors.h"
#include "kith/eval/suites.h"

namespace kith::eval {
namespace {

constexpr int kNumScores = kHighestEssayScore - kLowestEssayScore + 1;

using Essays = std::vector<const Essay*>;

// The expected level of a trait: each digit's share of the answers "1" to "5".
Result<double> level_by_model(const Essay& essay, std::size_t trait,
                              personalize::Generator& generator, const AdapterId& adapter) {
  std::vector<std::string> digits;
  for (int level = 1; level <= kHighestTraitLevel; ++level) digits.push_back(std::to_string(level));
  KITH_ASSIGN_OR_RETURN(
      const auto scores,
      generator.score(
          {.messages = {{.role = "user", .content = essay_question(essay, trait), .raw = {}}},
           .adapters = personalize::only_adapter(adapter),
           .soft_prompt = nullptr,
           .tenant = {},
           .continuations = digits}));
  const double greatest = *std::max_element(scores.begin(), scores.end());
  double total = 0.0;
  double level = 0.0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const double share = std::exp(scores[i] - greatest);
    total += share;
    level += share * static_cast<double>(i + 1);
  }
  return level / total;
}

Result<TraitLevels> levels_by_model(const Essay& essay, personalize::Generator& generator,
                                    const AdapterId& adapter) {
  TraitLevels levels{};
  for (std::size_t t = 0; t < levels.size(); ++t) {
    KITH_ASSIGN_OR_RETURN(levels[t], level_by_model(essay, t, generator, adapter));
  }
  return levels;
}

// Agreement of two lists of whole numbers, intervals over essays.
Figure kappa_of(const std::vector<int>& right, const std::vector<int>& given) {
  return bootstrap(right.size(), [&](const std::vector<std::size_t>& units) {
    std::vector<int> some_right;
    std::vector<int> some_given;
    for (const std::size_t unit : units) {
      some_right.push_back(right[unit]);
      some_given.push_back(given[unit]);
    }
    return quadratic_weighted_kappa(some_right, some_given);
  });
}

// How much better `given` agrees with `right` than `other` does, on the same essays.
Figure kappa_gain(const std::vector<int>& right, const std::vector<int>& given,
                  const std::vector<int>& other) {
  return bootstrap(right.size(), [&](const std::vector<std::size_t>& units) {
    std::vector<int> some_right;
    std::vector<int> some_given;
    std::vector<int> some_other;
    for (const std::size_t unit : units) {
      some_right.push_back(right[unit]);
      some_given.push_back(given[unit]);
      some_other.push_back(other[unit]);
    }
    return quadratic_weighted_kappa(some_right, some_given) -
           quadratic_weighted_kappa(some_right, some_other);
  });
}

std::vector<int> scores_of(const Essays& essays) {
  std::vector<int> scores;
  for (const Essay* essay : essays) scores.push_back(essay->score);
  return scores;
}

std::vector<int> scores_of(const std::vector<TraitLevels>& levels) {
  std::vector<int> scores;
  for (const auto& essay : levels) scores.push_back(score_of_traits(essay));
  return scores;
}

std::vector<int> levels_of(const std::vector<TraitLevels>& levels, std::size_t trait) {
  std::vector<int> whole;
  for (const auto& essay : levels) whole.push_back(static_cast<int>(std::lround(essay[trait])));
  return whole;
}

std::vector<int> floor_scores(const Essays& train, const Essays& test, EssayFeatures features) {
  const EssayFloor floor = EssayFloor::fit(train, features);
  std::vector<int> scores;
  for (const Essay* essay : test) scores.push_back(floor.score(essay->text));
  return scores;
}

std::string confusion(const std::vector<int>& right, const std::vector<int>& given) {
  std::vector<std::vector<int>> counts(kNumScores, std::vector<int>(kNumScores));
  for (std::size_t i = 0; i < right.size(); ++i) {
    ++counts[static_cast<std::size_t>(right[i] - kLowestEssayScore)]
            [static_cast<std::size_t>(given[i] - kLowestEssayScore)];
  }
  std::string table = "rows: the essay's score; columns: the score given";
  for (const auto& row : counts) {
    table += "\n ";
    for (const int count : row) table += " " + std::to_string(count);
  }
  return table;
}

}  // namespace

Result<Report> evaluate_essays(const std::vector<Essay>& essays, personalize::Generator& generator,
                               const Progress& progress) {
  Essays train;
  Essays test;
  for (const Essay& essay : essays) {
    if (essay.split == EssaySplit::kTrain) train.push_back(&essay);
    if (essay.split == EssaySplit::kTest) test.push_back(&essay);
  }
  if (train.empty() || test.empty()) {
    return Error{ErrorCode::kNotFound, "the example has no train or no test essays"};
  }
  std::vector<TraitLevels> right_levels;
  for (const Essay* essay : test) right_levels.push_back(essay->traits);
  const auto right = scores_of(test);
  Report report{.suite = "essays"};
  report.figures["floor_length"] =
      kappa_of(right, floor_scores(train, test, EssayFeatures::kLength));
  report.figures["floor_surface"] =
      kappa_of(right, floor_scores(train, test, EssayFeatures::kSurface));
  const auto by_words = floor_scores(train, test, EssayFeatures::kWords);
  report.figures["floor_words"] = kappa_of(right, by_words);

  std::vector<AdapterId> adapters{AdapterId()};
  const auto names = generator.adapter_names();
  const AdapterId tuned(kEssayAdapter);
  if (std::find(names.begin(), names.end(), tuned) != names.end()) adapters.push_back(tuned);
  double done = 0.0;
  for (const AdapterId& adapter : adapters) {
    std::vector<TraitLevels> levels;
    for (const Essay* essay : test) {
      KITH_ASSIGN_OR_RETURN(const auto given, levels_by_model(*essay, generator, adapter));
      levels.push_back(given);
      if (progress) progress(++done / static_cast<double>(adapters.size() * test.size()));
    }
    const std::string figure = adapter.empty() ? "kappa" : "kappa_tuned";
    const auto given = scores_of(levels);
    report.figures[figure] = kappa_of(right, given);
    report.figures[figure + "_gain_over_words"] = kappa_gain(right, given, by_words);
    for (std::size_t t = 0; t < kEssayTraits.size(); ++t) {
      report.figures[figure + "_" + kEssayTraits[t]] =
          kappa_of(levels_of(right_levels, t), levels_of(levels, t));
    }
    report.notes.push_back((adapter.empty() ? "the model alone; " : "with the adapter; ") +
                           confusion(right, given));
  }
  report.notes.push_back("This shows a method on invented essays; it is no advice on any pupil.");
  return report;
}

}  // namespace kith::eval
