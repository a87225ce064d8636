#include "kith/eval/router_suite.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

#include "kith/eval/linear_floor.h"
#include "kith/eval/router_data.h"
#include "kith/persona/calibration.h"

namespace kith::eval {
namespace {

// What a classifier said about the texts of a set; those in scope alone, but for the scores.
struct Answers {
  std::vector<std::size_t> given;
  // Out-of-scope score of each text, in the order of the set.
  std::vector<float> scores;
};

struct Measured {
  std::vector<std::size_t> answers;  // of the texts in scope
  std::vector<char> is_outside;      // by text
  Answers own;
  Answers floor;
  std::vector<float> confidences;
  std::vector<float> uncalibrated;
  std::vector<float> microseconds;  // by text
  std::size_t labels = 0;
};

std::size_t best_of(const std::vector<float>& scores) {
  return static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

// The confidence that the logits have without any calibration.
Result<float> uncalibrated(const persona::TextClassifier& classifier, std::string_view text,
                           std::size_t label) {
  KITH_ASSIGN_OR_RETURN(auto logits, classifier.logits(text));
  persona::to_probabilities(logits, {});
  return logits[label];
}

Status measure_own(const persona::TextClassifier& classifier, const RouterSet& set, Measured& out) {
  // A prompt of a server finds warm caches; the first one here should too.
  for (std::size_t i = 0; i < std::min<std::size_t>(set.test.size(), 50); ++i) {
    const auto ignored = classifier.classify(set.test[i].text);
    if (!ignored) return ignored.error();
  }
  for (const auto& text : set.test) {
    const auto begin = std::chrono::steady_clock::now();
    KITH_ASSIGN_OR_RETURN(const auto prediction, classifier.classify(text.text));
    const std::chrono::duration<float, std::micro> taken = std::chrono::steady_clock::now() - begin;
    out.microseconds.push_back(taken.count());
    out.own.scores.push_back(prediction.out_of_scope);
    out.is_outside.push_back(text.label.empty() ? 1 : 0);
    if (text.label.empty()) continue;
    const auto& labels = classifier.labels();
    const auto at = std::lower_bound(labels.begin(), labels.end(), text.label);
    // A label that no training text has cannot be given: it counts as wrong.
    out.answers.push_back(at != labels.end() && *at == text.label
                              ? static_cast<std::size_t>(at - labels.begin())
                              : labels.size());
    out.own.given.push_back(prediction.best);
    out.confidences.push_back(prediction.probabilities[prediction.best]);
    KITH_ASSIGN_OR_RETURN(const float plain, uncalibrated(classifier, text.text, prediction.best));
    out.uncalibrated.push_back(plain);
  }
  out.labels = classifier.labels().size() + 1;
  return {};
}

void measure_floor(const LinearFloor& floor, const RouterSet& set, Answers& out) {
  for (const auto& text : set.test) {
    const auto scores = floor.scores(text.text);
    const std::size_t best = best_of(scores);
    out.scores.push_back(-scores[best]);
    if (!text.label.empty()) out.given.push_back(best);
  }
}

using Units = std::vector<std::size_t>;

double accuracy(const std::vector<std::size_t>& given, const std::vector<std::size_t>& answers,
                const Units& units) {
  double right = 0.0;
  for (const std::size_t unit : units) right += given[unit] == answers[unit] ? 1.0 : 0.0;
  return right / static_cast<double>(units.size());
}

double f1(const std::vector<std::size_t>& given, const Measured& set, const Units& units) {
  std::vector<std::size_t> some_given;
  std::vector<std::size_t> some_answers;
  for (const std::size_t unit : units) {
    some_given.push_back(given[unit]);
    some_answers.push_back(set.answers[unit]);
  }
  return persona::macro_f1(some_given, some_answers, set.labels);
}

double scope_auroc(const std::vector<float>& scores, const Measured& set, const Units& units) {
  std::vector<float> inside;
  std::vector<float> outside;
  for (const std::size_t unit : units) {
    (set.is_outside[unit] != 0 ? outside : inside).push_back(scores[unit]);
  }
  return persona::auroc(inside, outside);
}

double error_of(const std::vector<float>& confidences, const Measured& set, const Units& units) {
  std::vector<float> some;
  std::vector<char> is_right;
  for (const std::size_t unit : units) {
    some.push_back(confidences[unit]);
    is_right.push_back(set.own.given[unit] == set.answers[unit] ? 1 : 0);
  }
  return persona::calibration_error(some, is_right);
}

Units all_of(std::size_t count) {
  Units units(count);
  for (std::size_t i = 0; i < count; ++i) units[i] = i;
  return units;
}

// A statistic of the classifier with its interval, and the floor's.
template <typename Statistic>
Figure beside_floor(std::size_t units, const Answers& own, const Answers& floor,
                    const Statistic& statistic) {
  Figure figure = bootstrap(units, [&](const Units& some) { return statistic(own, some); });
  figure.baselines["liblinear"] = statistic(floor, all_of(units));
  return figure;
}

void add_figures(const std::string& name, const Measured& set, Report& report) {
  const std::size_t inside = set.answers.size();
  const auto right = [&](const Answers& who, const Units& units) {
    return accuracy(who.given, set.answers, units);
  };
  report.figures[name + "_accuracy"] = beside_floor(inside, set.own, set.floor, right);
  const auto balanced = [&](const Answers& who, const Units& units) {
    return f1(who.given, set, units);
  };
  report.figures[name + "_macro_f1"] = beside_floor(inside, set.own, set.floor, balanced);
  if (std::count(set.is_outside.begin(), set.is_outside.end(), 1) > 0) {
    const auto scope = [&](const Answers& who, const Units& units) {
      return scope_auroc(who.scores, set, units);
    };
    report.figures[name + "_oos_auroc"] =
        beside_floor(set.is_outside.size(), set.own, set.floor, scope);
  }
  Figure error =
      bootstrap(inside, [&](const Units& units) { return error_of(set.confidences, set, units); });
  error.baselines["uncalibrated"] = error_of(set.uncalibrated, set, all_of(inside));
  report.figures[name + "_ece"] = error;
}

// The mean of the sets' errors. Of bounds too: the sets are independent, so the true interval is
// narrower.
Figure mean_error(const std::vector<RouterSet>& sets, const Report& report) {
  Figure mean;
  const auto count = static_cast<double>(sets.size());
  for (const auto& set : sets) {
    const Figure& one = report.figures.at(set.name + "_ece");
    mean.value += one.value / count;
    mean.low += one.low / count;
    mean.high += one.high / count;
    mean.baselines["uncalibrated"] += one.baselines.at("uncalibrated") / count;
  }
  return mean;
}

Figure quantile(const std::vector<float>& microseconds, double share) {
  return bootstrap(microseconds.size(), [&](const Units& units) {
    std::vector<float> some;
    for (const std::size_t unit : units) some.push_back(microseconds[unit]);
    return static_cast<double>(persona::upper_quantile(std::move(some), 1.0 - share));
  });
}

void add_note(const RouterSet& set, const Measured& measured, double seconds, Report& report) {
  char line[200];
  const auto& times = measured.microseconds;
  std::snprintf(line, sizeof(line),
                "%-8s %zu labels, %zu texts train, %zu report; trained in %.1f s; one prompt %.0f "
                "us (median), %.0f us (p99)",
                set.name.c_str(), measured.labels - 1, set.train.size(), set.test.size(), seconds,
                static_cast<double>(persona::upper_quantile(times, 0.5)),
                static_cast<double>(persona::upper_quantile(times, 0.01)));
  report.notes.emplace_back(line);
}

}  // namespace

Result<Report> evaluate_router(const RouterOptions& options,
                               std::shared_ptr<const persona::TextEncoder> encoder,
                               const Progress& progress) {
  KITH_ASSIGN_OR_RETURN(const auto sets,
                        load_router_sets(options.data, options.test, options.seed));
  Report report{.suite = "router"};
  std::vector<float> microseconds;
  for (std::size_t i = 0; i < sets.size(); ++i) {
    const RouterSet& set = sets[i];
    const auto done = static_cast<double>(i);
    const auto count = static_cast<double>(sets.size());
    persona::TrainOptions training = options.training;
    training.progress = [&](double share) {
      if (progress) progress((done + 0.8 * share) / count);
    };
    const auto begin = std::chrono::steady_clock::now();
    KITH_ASSIGN_OR_RETURN(const auto classifier,
                          persona::TextClassifier::train(set.train, encoder, training));
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    Measured measured;
    KITH_RETURN_IF_ERROR(measure_own(classifier, set, measured));
    KITH_ASSIGN_OR_RETURN(const auto floor, LinearFloor::train(set.train, classifier.labels()));
    measure_floor(floor, set, measured.floor);
    add_figures(set.name, measured, report);
    add_note(set, measured, taken.count(), report);
    microseconds.insert(microseconds.end(), measured.microseconds.begin(),
                        measured.microseconds.end());
    if (progress) progress((done + 1.0) / count);
  }
  report.figures["ece"] = mean_error(sets, report);
  report.figures["latency_p50_us"] = quantile(microseconds, 0.5);
  report.figures["latency_p99_us"] = quantile(microseconds, 0.99);
  return report;
}

}  // namespace kith::eval
