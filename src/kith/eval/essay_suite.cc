#include <algorithm>
#include <cmath>

#include "kith/eval/agreement.h"
#include "kith/eval/suites.h"

namespace kith::eval {
namespace {

constexpr int kNumScores = kHighestEssayScore - kLowestEssayScore + 1;

// The score whose digit is the likeliest answer.
Result<int> score_by_model(const Essay& essay, personalize::Generator& generator,
                           const AdapterId& adapter) {
  std::vector<std::string> digits;
  for (int score = kLowestEssayScore; score <= kHighestEssayScore; ++score) {
    digits.push_back(std::to_string(score));
  }
  KITH_ASSIGN_OR_RETURN(
      const auto scores,
      generator.score({.messages = {{.role = "user", .content = essay_question(essay), .raw = {}}},
                       .adapters = personalize::only_adapter(adapter),
                       .soft_prompt = nullptr,
                       .tenant = {},
                       .continuations = digits}));
  const auto best = std::max_element(scores.begin(), scores.end());
  return kLowestEssayScore + static_cast<int>(best - scores.begin());
}

// Ridge regression of the score on standardised surface features.
class SurfaceScorer {
 public:
  // REQUIRES: essays is not empty.
  explicit SurfaceScorer(const std::vector<const Essay*>& essays) {
    const auto count = static_cast<double>(essays.size());
    std::vector<SurfaceFeatures> rows;
    for (const Essay* essay : essays) {
      rows.push_back(surface_features(essay->text));
      mean_score_ += essay->score / count;
      for (std::size_t f = 0; f < kFeatures; ++f) mean_[f] += rows.back()[f] / count;
    }
    for (const auto& row : rows) {
      for (std::size_t f = 0; f < kFeatures; ++f) {
        deviation_[f] += (row[f] - mean_[f]) * (row[f] - mean_[f]) / count;
      }
    }
    for (double& d : deviation_) d = std::max(std::sqrt(d), 1e-9);
    fit(essays, rows);
  }

  int score(const std::string& text) const {
    const SurfaceFeatures z = standardised(surface_features(text));
    double score = mean_score_;
    for (std::size_t f = 0; f < kFeatures; ++f) score += weights_[f] * z[f];
    const auto rounded = static_cast<int>(std::lround(score));
    return std::clamp(rounded, kLowestEssayScore, kHighestEssayScore);
  }

 private:
  static constexpr std::size_t kFeatures = std::tuple_size_v<SurfaceFeatures>;
  static constexpr double kRidge = 1.0;

  SurfaceFeatures standardised(SurfaceFeatures row) const {
    for (std::size_t f = 0; f < kFeatures; ++f) row[f] = (row[f] - mean_[f]) / deviation_[f];
    return row;
  }

  // Gauss-Seidel on the normal equations, which are positive definite.
  void fit(const std::vector<const Essay*>& essays, const std::vector<SurfaceFeatures>& rows) {
    std::array<std::array<double, kFeatures>, kFeatures> gram{};
    SurfaceFeatures target{};
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const SurfaceFeatures z = standardised(rows[i]);
      for (std::size_t a = 0; a < kFeatures; ++a) {
        target[a] += z[a] * (essays[i]->score - mean_score_);
        for (std::size_t b = 0; b < kFeatures; ++b) gram[a][b] += z[a] * z[b];
      }
    }
    constexpr int kSweeps = 500;
    for (int sweep = 0; sweep < kSweeps; ++sweep) {
      for (std::size_t a = 0; a < kFeatures; ++a) {
        double rest = target[a];
        for (std::size_t b = 0; b < kFeatures; ++b) {
          if (b != a) rest -= gram[a][b] * weights_[b];
        }
        weights_[a] = rest / (gram[a][a] + kRidge);
      }
    }
  }

  SurfaceFeatures mean_{};
  SurfaceFeatures deviation_{};
  SurfaceFeatures weights_{};
  double mean_score_ = 0.0;
};

// Kappa against the essays' own scores, intervals over essays.
Figure kappa_of(const std::vector<const Essay*>& essays, const std::vector<int>& given) {
  return bootstrap(essays.size(), [&](const std::vector<std::size_t>& units) {
    std::vector<int> right;
    std::vector<int> scored;
    for (const std::size_t unit : units) {
      right.push_back(essays[unit]->score);
      scored.push_back(given[unit]);
    }
    return quadratic_weighted_kappa(right, scored);
  });
}

std::string confusion(const std::vector<const Essay*>& essays, const std::vector<int>& given) {
  std::vector<std::vector<int>> counts(kNumScores, std::vector<int>(kNumScores));
  for (std::size_t i = 0; i < essays.size(); ++i) {
    ++counts[static_cast<std::size_t>(essays[i]->score - kLowestEssayScore)]
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
  std::vector<const Essay*> train;
  std::vector<const Essay*> test;
  for (const Essay& essay : essays) {
    if (essay.split == EssaySplit::kTrain) train.push_back(&essay);
    if (essay.split == EssaySplit::kTest) test.push_back(&essay);
  }
  if (train.empty() || test.empty()) {
    return Error{ErrorCode::kNotFound, "the example has no train or no test essays"};
  }
  const SurfaceScorer surface(train);
  std::vector<int> by_surface;
  for (const Essay* essay : test) by_surface.push_back(surface.score(essay->text));

  std::vector<AdapterId> adapters{AdapterId()};
  const auto names = generator.adapter_names();
  const AdapterId tuned(kEssayAdapter);
  if (std::find(names.begin(), names.end(), tuned) != names.end()) adapters.push_back(tuned);
  Report report{.suite = "essays"};
  double done = 0.0;
  for (const AdapterId& adapter : adapters) {
    std::vector<int> given;
    for (const Essay* essay : test) {
      KITH_ASSIGN_OR_RETURN(const int score, score_by_model(*essay, generator, adapter));
      given.push_back(score);
      if (progress) progress(++done / static_cast<double>(adapters.size() * test.size()));
    }
    Figure figure = kappa_of(test, given);
    figure.baselines["surface_features"] = kappa_of(test, by_surface).value;
    report.figures[adapter.empty() ? "kappa" : "kappa_tuned"] = figure;
    report.notes.push_back((adapter.empty() ? "the model alone; " : "with the adapter; ") +
                           confusion(test, given));
  }
  report.notes.push_back("This shows a method on invented essays; it is no advice on any pupil.");
  return report;
}

}  // namespace kith::eval
