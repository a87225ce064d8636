#include "kith/persona/assignment_training.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "kith/persona/calibration.h"

namespace kith::persona {
namespace {

using Traces = std::vector<const UserTrace*>;

std::vector<UserTrace> select(const PersonaCatalogue& catalogue,
                              std::span<const UserTrace> traces) {
  std::vector<UserTrace> chosen;
  for (const UserTrace& trace : traces) {
    const bool is_known = catalogue.find_persona(trace.persona) != nullptr;
    const bool says_nothing = trace.steps.empty() && trace.attributes.empty();
    if (is_known && !trace.is_test && !says_nothing) chosen.push_back(trace);
  }
  return chosen;
}

// Scores the users of each fold by sources that the others taught.
class CrossFit {
 public:
  CrossFit(const PersonaCatalogue& catalogue, const AssignmentTrainingOptions& options)
      : catalogue_(catalogue), options_(options), rng_(options.seed) {}

  Result<std::vector<ScoredUser>> run(std::span<const UserTrace> traces) {
    const auto num_folds = static_cast<std::size_t>(options_.num_folds);
    for (std::size_t fold = 0; fold < num_folds; ++fold) {
      std::vector<UserTrace> taught;
      Traces held_out;
      for (std::size_t i = 0; i < traces.size(); ++i) {
        if (i % num_folds == fold) {
          held_out.push_back(&traces[i]);
        } else {
          taught.push_back(traces[i]);
        }
      }
      KITH_RETURN_IF_ERROR(score_fold(taught, held_out));
    }
    return std::move(examples_);
  }

 private:
  Status score_fold(std::span<const UserTrace> taught, const Traces& held_out) {
    const double known_weight = 1.0 - options_.stranger_share;
    KITH_RETURN_IF_ERROR(score_users(catalogue_, taught, held_out, known_weight));
    for (const Persona& persona : catalogue_.personas()) {
      Traces strangers;
      for (const UserTrace* trace : held_out) {
        if (trace->persona == persona.id) strangers.push_back(trace);
      }
      if (catalogue_.personas().size() < 2) break;
      KITH_RETURN_IF_ERROR(
          score_users(catalogue_.without(persona.id), taught, strangers, options_.stranger_share));
    }
    return {};
  }

  Status score_users(const PersonaCatalogue& catalogue, std::span<const UserTrace> taught,
                     const Traces& users, double weight) {
    AssignmentModel model;
    model.behaviour = behaviour_of(taught, options_.min_users_per_event);
    KITH_ASSIGN_OR_RETURN(const Assigner assigner,
                          Assigner::create(catalogue, texts_of(taught), {}, model));
    const auto& personas = catalogue.personas();
    for (const UserTrace* trace : users) {
      const auto own =
          std::find_if(personas.begin(), personas.end(),
                       [trace](const Persona& known) { return known.id == trace->persona; });
      const auto outcome = static_cast<std::size_t>(own - personas.begin());
      for (const TraceView& view : draw_views(*trace, options_.num_views, rng_)) {
        if (view.attributes.empty() && view.num_steps == 0) continue;
        const ViewedUser viewed = view_user(*trace, view, assigner);
        examples_.push_back({assigner.score(viewed.facts, viewed.state), outcome, weight});
      }
    }
    return {};
  }

  const PersonaCatalogue& catalogue_;
  const AssignmentTrainingOptions& options_;
  base::Rng rng_;
  std::vector<ScoredUser> examples_;
};

// Of the personas' users alone: how far the probability of the likeliest outcome is from being
// right.
double calibration_of(std::span<const ScoredUser> users, const AssignmentWeights& weights) {
  std::vector<float> confidences;
  std::vector<char> is_right;
  for (const ScoredUser& user : users) {
    if (user.outcome == user.scores.behaviour.size()) continue;
    const std::vector<double> posterior = posterior_of(user.scores, weights);
    const auto best = std::max_element(posterior.begin(), posterior.end());
    confidences.push_back(static_cast<float>(*best));
    is_right.push_back(static_cast<std::size_t>(best - posterior.begin()) == user.outcome ? 1 : 0);
  }
  return calibration_error(confidences, is_right);
}

}  // namespace

std::vector<TraceView> draw_views(const UserTrace& trace, int count, base::Rng& rng) {
  std::vector<TraceView> views;
  for (int i = 0; i < count; ++i) {
    TraceView view{.attributes = trace.attributes, .num_steps = trace.steps.size()};
    if (i > 0) {
      // From nothing kept to everything.
      const double kept = static_cast<double>(rng.below(5)) / 4.0;
      std::erase_if(view.attributes, [&](const auto&) { return rng.uniform() >= kept; });
      view.num_steps = static_cast<std::size_t>(rng.below(trace.steps.size() + 1));
      view.has_behaviour = rng.below(2) == 0;
    }
    views.push_back(std::move(view));
  }
  return views;
}

ViewedUser view_user(const UserTrace& trace, const TraceView& view, const Assigner& assigner) {
  ViewedUser viewed;
  viewed.facts.attributes = view.attributes;
  for (std::size_t i = 0; i < view.num_steps; ++i) {
    const TraceStep& step = trace.steps[i];
    if (!step.message.empty()) assigner.observe(step.message, step.at, viewed.state);
    if (view.has_behaviour) {
      for (const BehaviourEvent& event : step.events) {
        assigner.observe(event, step.at, viewed.state);
      }
    }
    viewed.facts.now = step.at;
  }
  return viewed;
}

std::vector<TrainingText> texts_of(std::span<const UserTrace> traces) {
  std::vector<TrainingText> texts;
  for (const UserTrace& trace : traces) {
    for (const TraceStep& step : trace.steps) {
      if (!step.message.empty()) texts.push_back({trace.persona, step.message});
    }
  }
  return texts;
}

BehaviourCounts behaviour_of(std::span<const UserTrace> traces, int min_users_per_event) {
  BehaviourCounts counts;
  std::map<std::string, std::set<UserId>> users;
  for (const UserTrace& trace : traces) {
    for (const TraceStep& step : trace.steps) {
      for (const BehaviourEvent& event : step.events) {
        counts[trace.persona][event.name()] += 1.0;
        users[event.name()].insert(trace.user);
      }
    }
  }
  for (auto& [persona, of_persona] : counts) {
    std::erase_if(of_persona, [&](const auto& entry) {
      return static_cast<int>(users[entry.first].size()) < min_users_per_event;
    });
  }
  return counts;
}

Result<AssignmentModel> fit_assignment(const PersonaCatalogue& catalogue,
                                       const std::string& data_hash,
                                       std::span<const UserTrace> traces,
                                       const AssignmentTrainingOptions& options) {
  const std::vector<UserTrace> chosen = select(catalogue, traces);
  if (options.num_folds < 2 || chosen.size() < 2 * static_cast<std::size_t>(options.num_folds)) {
    return Error{ErrorCode::kInvalidArgument,
                 "there are too few users of known personas: " + std::to_string(chosen.size())};
  }
  KITH_ASSIGN_OR_RETURN(const std::vector<ScoredUser> users,
                        CrossFit(catalogue, options).run(chosen));
  AssignmentModel model;
  model.data_hash = data_hash;
  model.weights = fit_weights(users);
  model.behaviour = behaviour_of(chosen, options.min_users_per_event);
  model.figures = {{"users", static_cast<double>(chosen.size())},
                   {"examples", static_cast<double>(users.size())},
                   {"loss", mean_loss(users, model.weights)},
                   {"loss_before", mean_loss(users, {})},
                   {"ece", calibration_of(users, model.weights)},
                   {"ece_before", calibration_of(users, {})}};
  return model;
}

}  // namespace kith::persona
