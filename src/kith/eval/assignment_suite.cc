#include "kith/eval/assignment_suite.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <utility>

#include "kith/eval/simulated_change.h"
#include "kith/persona/calibration.h"

namespace kith::eval {
namespace {

using persona::Assigner;
using persona::AssignmentModel;
using persona::AssignmentWeights;
using persona::EvidenceScores;
using persona::PersonaCatalogue;
using persona::TraceView;
using persona::UserTrace;
using Indices = std::vector<std::size_t>;

constexpr std::uint64_t kViewSeed = 11;
constexpr std::size_t kTextsPerWriter = 5;

struct Source {
  const char* name;
  bool has_attributes;
  bool has_words;
  bool has_behaviour;
};
constexpr std::array kSources = {
    Source{"attributes", true, false, false}, Source{"words", false, true, false},
    Source{"behaviour", false, false, true}, Source{"all", true, true, true}};

std::size_t index_of(const PersonaCatalogue& catalogue, const PersonaId& persona) {
  const auto& personas = catalogue.personas();
  const auto found = std::find_if(personas.begin(), personas.end(),
                                  [&](const auto& known) { return known.id == persona; });
  return static_cast<std::size_t>(found - personas.begin());
}

// Only what a source says.
EvidenceScores only(EvidenceScores scores, const Source& source) {
  const auto silence = [](std::vector<double>& values) { values.assign(values.size(), 0.0); };
  if (!source.has_attributes) silence(scores.attributes);
  if (!source.has_words) silence(scores.words);
  if (!source.has_behaviour) silence(scores.behaviour);
  return scores;
}

std::size_t best_persona(const std::vector<double>& posterior) {
  return static_cast<std::size_t>(std::max_element(posterior.begin(), posterior.end() - 1) -
                                  posterior.begin());
}

// The persona that lists most of the user's values, the first of several.
std::size_t by_rule(const PersonaCatalogue& catalogue, const storage::Attributes& attributes) {
  std::size_t best = 0;
  int most = -1;
  for (std::size_t k = 0; k < catalogue.personas().size(); ++k) {
    int listed = 0;
    for (const auto& [name, values] : catalogue.personas()[k].attributes) {
      const auto own = attributes.find(name);
      if (own == attributes.end()) continue;
      listed += std::find(values.begin(), values.end(), own->second) != values.end() ? 1 : 0;
    }
    if (listed > most) best = k;
    most = std::max(most, listed);
  }
  return best;
}

// An outcome that was named, how likely it was said to be, and whether it was right.
struct Claim {
  float confidence = 0.0F;
  bool is_right = false;
};

Claim claim_of(const std::vector<double>& posterior, std::size_t outcome) {
  const auto best = std::max_element(posterior.begin(), posterior.end());
  return {static_cast<float>(*best), static_cast<std::size_t>(best - posterior.begin()) == outcome};
}

// What is measured of one test user.
struct UserMeasure {
  std::size_t truth = 0;
  std::map<std::string, std::size_t> named;  // by source
  std::size_t by_rule = 0;
  bool is_assigned = false;
  bool is_assigned_right = false;
  std::vector<Claim> claims;  // over views, the stranger's among them
  Claim full;
  double abstain = 0.0;
  double stranger_abstain = 0.0;
  bool stranger_is_assigned = false;
};

class Measurer {
 public:
  Measurer(const PersonaCatalogue& catalogue, std::vector<UserTrace> taught,
           const AssignmentModel& model, const AssignmentSuiteOptions& options)
      : catalogue_(catalogue),
        taught_(std::move(taught)),
        model_(model),
        options_(options),
        rng_(kViewSeed) {}

  Result<std::vector<UserMeasure>> run(std::span<const UserTrace> users) {
    KITH_ASSIGN_OR_RETURN(const Assigner assigner, make_assigner(catalogue_));
    std::vector<UserMeasure> measures;
    for (const UserTrace& user : users) {
      UserMeasure measure = measure_known(user, assigner);
      KITH_RETURN_IF_ERROR(measure_stranger(user, measure));
      measures.push_back(std::move(measure));
    }
    return measures;
  }

 private:
  Result<Assigner> make_assigner(const PersonaCatalogue& catalogue) const {
    AssignmentModel model = model_;
    // Of another catalogue, on purpose.
    model.data_hash.clear();
    return Assigner::create(catalogue, persona::texts_of(taught_), {}, model);
  }

  UserMeasure measure_known(const UserTrace& user, const Assigner& assigner) {
    UserMeasure measure{.truth = index_of(catalogue_, user.persona),
                        .by_rule = by_rule(catalogue_, user.attributes)};
    const auto views = persona::draw_views(user, options_.num_views, rng_);
    for (std::size_t i = 0; i < views.size(); ++i) {
      const auto viewed = persona::view_user(user, views[i], assigner);
      const EvidenceScores scores = assigner.score(viewed.facts, viewed.state);
      const auto posterior = persona::posterior_of(scores, assigner.weights());
      const Claim claim = claim_of(posterior, measure.truth);
      const bool says_nothing = views[i].attributes.empty() && views[i].num_steps == 0;
      if (!says_nothing) measure.claims.push_back(claim);
      if (i > 0) continue;
      measure.full = claim;
      measure.abstain = posterior.back();
      const PersonaId given = assigner.assign(viewed.facts, viewed.state).persona;
      measure.is_assigned = !given.empty();
      measure.is_assigned_right = given == user.persona;
      for (const Source& source : kSources) {
        measure.named[source.name] =
            best_persona(persona::posterior_of(only(scores, source), assigner.weights()));
      }
    }
    return measure;
  }

  Status measure_stranger(const UserTrace& user, UserMeasure& measure) {
    auto found = without_.find(user.persona);
    if (found == without_.end()) {
      KITH_ASSIGN_OR_RETURN(Assigner assigner, make_assigner(catalogue_.without(user.persona)));
      found = without_.emplace(user.persona, std::move(assigner)).first;
    }
    const Assigner& assigner = found->second;
    const std::size_t none = assigner.catalogue().personas().size();
    const auto views = persona::draw_views(user, 2, rng_);
    const auto whole = persona::view_user(user, views[0], assigner);
    const auto given = assigner.assign(whole.facts, whole.state);
    measure.stranger_abstain = given.abstain;
    measure.stranger_is_assigned = !given.persona.empty();
    const auto part = persona::view_user(user, views[1], assigner);
    measure.claims.push_back(claim_of(
        persona::posterior_of(assigner.score(part.facts, part.state), assigner.weights()), none));
    return {};
  }

  const PersonaCatalogue& catalogue_;
  const std::vector<UserTrace> taught_;
  const AssignmentModel& model_;
  const AssignmentSuiteOptions& options_;
  base::Rng rng_;
  std::map<PersonaId, Assigner> without_;
};

using Measures = std::vector<UserMeasure>;

double share(const Measures& measures, const Indices& units,
             const std::function<bool(const UserMeasure&)>& holds) {
  double count = 0.0;
  for (const std::size_t unit : units) count += holds(measures[unit]) ? 1.0 : 0.0;
  return units.empty() ? 0.0 : count / static_cast<double>(units.size());
}

Indices all_of(const Measures& measures) {
  Indices units(measures.size());
  for (std::size_t i = 0; i < units.size(); ++i) units[i] = i;
  return units;
}

double f1_of(const Measures& measures, const Indices& units, const std::string& source,
             std::size_t num_personas) {
  std::vector<std::size_t> given;
  std::vector<std::size_t> answers;
  for (const std::size_t unit : units) {
    given.push_back(measures[unit].named.at(source));
    answers.push_back(measures[unit].truth);
  }
  return persona::macro_f1(given, answers, num_personas);
}

double calibration_of(const Measures& measures, const Indices& units, bool is_full) {
  std::vector<float> confidences;
  std::vector<char> is_right;
  const auto add = [&](const Claim& claim) {
    confidences.push_back(claim.confidence);
    is_right.push_back(claim.is_right ? 1 : 0);
  };
  for (const std::size_t unit : units) {
    if (is_full) {
      add(measures[unit].full);
    } else {
      std::for_each(measures[unit].claims.begin(), measures[unit].claims.end(), add);
    }
  }
  return persona::calibration_error(confidences, is_right);
}

double stranger_auroc(const Measures& measures, const Indices& units) {
  std::vector<float> known;
  std::vector<float> strangers;
  for (const std::size_t unit : units) {
    known.push_back(static_cast<float>(measures[unit].abstain));
    strangers.push_back(static_cast<float>(measures[unit].stranger_abstain));
  }
  return persona::auroc(known, strangers);
}

double assigned_right(const Measures& measures, const Indices& units) {
  double given = 0.0;
  double right = 0.0;
  for (const std::size_t unit : units) {
    given += measures[unit].is_assigned ? 1.0 : 0.0;
    right += measures[unit].is_assigned_right ? 1.0 : 0.0;
  }
  return given > 0 ? right / given : 0.0;
}

void add_accuracies(const PersonaCatalogue& catalogue, std::span<const UserTrace> taught,
                    const Measures& measures, Report& report) {
  std::map<std::size_t, int> sizes;
  for (const UserTrace& trace : taught) ++sizes[index_of(catalogue, trace.persona)];
  const std::size_t majority =
      std::max_element(sizes.begin(), sizes.end(), [](const auto& a, const auto& b) {
        return a.second < b.second;
      })->first;
  for (const Source& source : kSources) {
    const std::string name = source.name;
    Figure accuracy = bootstrap(measures.size(), [&](const Indices& units) {
      return share(measures, units, [&](const auto& m) { return m.named.at(name) == m.truth; });
    });
    const Indices all = all_of(measures);
    accuracy.baselines["majority"] =
        share(measures, all, [&](const auto& m) { return m.truth == majority; });
    if (source.has_attributes) {
      accuracy.baselines["rule"] =
          share(measures, all, [&](const auto& m) { return m.truth == m.by_rule; });
    }
    report.figures["accuracy_" + name] = std::move(accuracy);
    report.figures["macro_f1_" + name] = bootstrap(measures.size(), [&](const Indices& units) {
      return f1_of(measures, units, name, catalogue.personas().size());
    });
  }
}

// The same statistic on the fitted weights and on those without a model.
void add_compared(const std::string& name, const Measures& fitted, const Measures& unfitted,
                  const std::function<double(const Measures&, const Indices&)>& statistic,
                  Report& report) {
  Figure figure =
      bootstrap(fitted.size(), [&](const Indices& units) { return statistic(fitted, units); });
  figure.baselines["unfitted"] = statistic(unfitted, all_of(unfitted));
  report.figures[name] = std::move(figure);
}

void add_sureness(const Measures& fitted, const Measures& unfitted, Report& report) {
  const auto add = [&](const char* name, const auto& statistic) {
    add_compared(name, fitted, unfitted, statistic, report);
  };
  add("assigned", [](const Measures& measures, const Indices& units) {
    return share(measures, units, [](const auto& m) { return m.is_assigned; });
  });
  add("assigned_right", assigned_right);
  add("ece", [](const Measures& measures, const Indices& units) {
    return calibration_of(measures, units, false);
  });
  add("ece_full", [](const Measures& measures, const Indices& units) {
    return calibration_of(measures, units, true);
  });
  add("stranger_abstains", [](const Measures& measures, const Indices& units) {
    return share(measures, units, [](const auto& m) { return !m.stranger_is_assigned; });
  });
  add("stranger_auroc", stranger_auroc);
}

void add_writers(const Assigner& assigner, std::span<const std::string> texts, Report& report) {
  std::vector<double> abstains;
  for (std::size_t begin = 0; begin + kTextsPerWriter <= texts.size(); begin += kTextsPerWriter) {
    persona::AssignmentState state;
    for (std::size_t i = begin; i < begin + kTextsPerWriter; ++i) {
      assigner.observe(texts[i], static_cast<base::UnixMicros>(i), state);
    }
    const bool is_given = !assigner.assign({}, state).persona.empty();
    abstains.push_back(is_given ? 0.0 : 1.0);
  }
  const double nobody = assigner.assign({}, {}).abstain;
  report.figures["nobody_abstain"] = {.value = nobody, .low = nobody, .high = nobody};
  if (abstains.empty()) return;
  report.figures["writer_abstains"] = bootstrap(abstains.size(), [&](const Indices& units) {
    double sum = 0.0;
    for (const std::size_t unit : units) sum += abstains[unit];
    return sum / static_cast<double>(units.size());
  });
}

void add_notes(const AssignmentModel& model, std::size_t num_taught, std::size_t num_test,
               Report& report) {
  const AssignmentWeights& weights = model.weights;
  std::array<char, 240> line{};
  std::snprintf(line.data(), line.size(),
                "fitted on %zu users, measured on %zu; weights: attributes %.3f (of none %.3f), "
                "words %.3f (of none %.3f), behaviour %.3f, share of strangers %.3f",
                num_taught, num_test, weights.attributes, weights.attributes_of_none, weights.words,
                weights.words_of_none, weights.behaviour, weights.stranger_share);
  report.notes.emplace_back(line.data());
}

}  // namespace

Result<Report> evaluate_assignment(const PersonaCatalogue& catalogue,
                                   std::span<const UserTrace> traces,
                                   std::span<const std::string> strange_texts,
                                   const AssignmentSuiteOptions& options) {
  std::vector<UserTrace> taught;
  std::vector<UserTrace> users;
  for (const UserTrace& trace : traces) {
    if (catalogue.find_persona(trace.persona) == nullptr) continue;
    (trace.is_test ? users : taught).push_back(trace);
  }
  if (users.empty()) return Error{ErrorCode::kNotFound, "there are no test users"};
  const auto texts = persona::texts_of(taught);
  KITH_ASSIGN_OR_RETURN(const AssignmentModel model,
                        persona::fit_assignment(catalogue, persona::data_hash_of(catalogue, texts),
                                                taught, options.training));
  AssignmentModel unfitted_model = model;
  unfitted_model.weights = {};
  KITH_ASSIGN_OR_RETURN(const Measures fitted,
                        Measurer(catalogue, taught, model, options).run(users));
  KITH_ASSIGN_OR_RETURN(const Measures unfitted,
                        Measurer(catalogue, taught, unfitted_model, options).run(users));
  KITH_ASSIGN_OR_RETURN(const Assigner assigner, Assigner::create(catalogue, texts, {}, model));
  Report report{.suite = "assignment"};
  add_accuracies(catalogue, taught, fitted, report);
  add_sureness(fitted, unfitted, report);
  add_writers(assigner, strange_texts, report);
  add_drift(assigner, users, {options.drifts_from, options.drifts_to, options.max_messages},
            report);
  add_notes(model, taught.size(), users.size(), report);
  return report;
}

}  // namespace kith::eval
