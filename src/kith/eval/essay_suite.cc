#include <algorithm>
#include <cmath>
#include <map>

#include "kith/eval/agreement.h"
#include "kith/eval/equating.h"
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

// For each essay the expected level of every trait.
Result<std::vector<TraitLevels>> levels_by_model(const Essays& essays,
                                                 personalize::Generator& generator,
                                                 const AdapterId& adapter,
                                                 const std::function<void()>& step) {
  std::vector<TraitLevels> levels(essays.size());
  for (std::size_t i = 0; i < essays.size(); ++i) {
    for (std::size_t t = 0; t < kEssayTraits.size(); ++t) {
      KITH_ASSIGN_OR_RETURN(levels[i][t], level_by_model(*essays[i], t, generator, adapter));
    }
    step();
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

// The essays by what they are for.
struct EssayParts {
  Essays train;
  Essays valid;
  Essays test;
};

EssayParts parts_of(const std::vector<Essay>& essays) {
  EssayParts parts;
  for (const Essay& essay : essays) {
    (essay.split == EssaySplit::kTrain   ? parts.train
     : essay.split == EssaySplit::kValid ? parts.valid
                                         : parts.test)
        .push_back(&essay);
  }
  return parts;
}

// Levels of the test essays on the marker's scale.
//   levels: of the valid essays, then of the test essays
std::vector<TraitLevels> equated(const EssayParts& parts, const std::vector<TraitLevels>& levels) {
  const std::size_t num_valid = parts.valid.size();
  std::vector<TraitLevels> test(levels.begin() + static_cast<std::ptrdiff_t>(num_valid),
                                levels.end());
  for (std::size_t t = 0; t < kEssayTraits.size(); ++t) {
    std::vector<double> given;
    std::vector<double> wanted;
    for (std::size_t i = 0; i < num_valid; ++i) {
      given.push_back(levels[i][t]);
      wanted.push_back(parts.valid[i]->traits[t]);
    }
    const Equating equate(given, wanted);
    for (auto& essay : test) {
      essay[t] = std::clamp<double>(equate(essay[t]), 1.0, kHighestTraitLevel);
    }
  }
  return test;
}

std::vector<int> scores_of(const std::vector<TraitLevels>& levels) {
  std::vector<int> scores;
  for (const auto& essay : levels) scores.push_back(score_of_traits(essay));
  return scores;
}

std::vector<int> whole_levels(const std::vector<TraitLevels>& levels, std::size_t trait) {
  std::vector<int> whole;
  for (const auto& essay : levels) whole.push_back(static_cast<int>(std::lround(essay[trait])));
  return whole;
}

std::vector<int> floor_scores(const EssayParts& parts, EssayFeatures features) {
  const EssayFloor floor = EssayFloor::fit(parts.train, features);
  std::vector<double> given;
  std::vector<double> wanted;
  for (const Essay* essay : parts.valid) {
    given.push_back(floor.predict(essay->text));
    wanted.push_back(essay->score);
  }
  const Equating equate(given, wanted);
  std::vector<int> scores;
  for (const Essay* essay : parts.test) {
    const auto score = static_cast<int>(std::lround(equate(floor.predict(essay->text))));
    scores.push_back(std::clamp(score, kLowestEssayScore, kHighestEssayScore));
  }
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

// The scores that the floors give the test essays, by the name of their figure.
using FloorScores = std::map<std::string, std::vector<int>>;

//   levels: of the valid essays, then of the test essays
void add_model_figures(Report& report, const EssayParts& parts, const std::string& name,
                       const std::vector<TraitLevels>& levels, const FloorScores& floors) {
  const auto right = scores_of(parts.test);
  const auto given_levels = equated(parts, levels);
  const auto given = scores_of(given_levels);
  report.figures[name] = kappa_of(right, given);
  for (const auto& [floor, scores] : floors) {
    report.figures[name + "_over_" + floor] = kappa_gain(right, given, scores);
  }
  std::vector<TraitLevels> right_levels;
  for (const Essay* essay : parts.test) right_levels.push_back(essay->traits);
  for (std::size_t t = 0; t < kEssayTraits.size(); ++t) {
    report.figures[name + "_" + kEssayTraits[t]] =
        kappa_of(whole_levels(right_levels, t), whole_levels(given_levels, t));
  }
  report.notes.push_back(name + "; " + confusion(right, given));
}

}  // namespace

Result<Report> evaluate_essays(const std::vector<Essay>& essays, personalize::Generator& generator,
                               const Progress& progress) {
  const EssayParts parts = parts_of(essays);
  if (parts.train.empty() || parts.test.empty()) {
    return Error{ErrorCode::kNotFound, "the example has no train or no test essays"};
  }
  const FloorScores floors{{"floor_length", floor_scores(parts, EssayFeatures::kLength)},
                           {"floor_surface", floor_scores(parts, EssayFeatures::kSurface)},
                           {"floor_words", floor_scores(parts, EssayFeatures::kWords)}};
  Report report{.suite = "essays"};
  for (const auto& [floor, scores] : floors) {
    report.figures[floor] = kappa_of(scores_of(parts.test), scores);
  }
  std::vector<AdapterId> adapters{AdapterId()};
  const auto names = generator.adapter_names();
  const AdapterId tuned(kEssayAdapter);
  if (std::find(names.begin(), names.end(), tuned) != names.end()) adapters.push_back(tuned);
  Essays asked = parts.valid;
  asked.insert(asked.end(), parts.test.begin(), parts.test.end());
  double done = 0.0;
  const auto step = [&] {
    if (progress) progress(++done / static_cast<double>(adapters.size() * asked.size()));
  };
  for (const AdapterId& adapter : adapters) {
    KITH_ASSIGN_OR_RETURN(const auto levels, levels_by_model(asked, generator, adapter, step));
    add_model_figures(report, parts, adapter.empty() ? "kappa" : "kappa_tuned", levels, floors);
  }
  report.notes.push_back("This shows a method on invented essays; it is no advice on any pupil.");
  return report;
}

}  // namespace kith::eval
