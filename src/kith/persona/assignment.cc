#include "kith/persona/assignment.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "kith/base/json.h"
#include "kith/persona/denied_words.h"
#include "kith/persona/fading.h"
#include "kith/storage/digest.h"
#include "kith/text/segment.h"

namespace kith::persona {
namespace {

// Weights below this explain nothing.
constexpr double kMinReason = 0.05;
constexpr std::size_t kMaxEvidence = 24;
constexpr std::size_t kMaxWordReasons = 12;
constexpr std::size_t kMaxSeen = 64;
// What all of a user's words together say at most of "none of these", in nats.
constexpr double kMaxStrangeness = 3.0;
// Of what a version means: sums of words that an older one stored are of another kind.
constexpr const char* kMethod = "assignment 2";

Error invalid(const std::string& message) { return Error{ErrorCode::kInvalidArgument, message}; }

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// Notes the message; false if it was among the last ones already.
bool note_message(std::string_view message, std::vector<std::string>& seen) {
  const std::string hash = storage::digest({trim(message)}).substr(0, 16);
  if (std::find(seen.begin(), seen.end(), hash) != seen.end()) return false;
  if (seen.size() >= kMaxSeen) seen.erase(seen.begin());
  seen.push_back(hash);
  return true;
}

// Limits every value to [-bound, bound] by scaling, which keeps their proportions.
void bound_by(double bound, std::vector<double>& values) {
  double largest = 0.0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  if (largest <= bound) return;
  for (double& value : values) value *= bound / largest;
}

bool is_between(double value, double low, double high) { return value > low && value < high; }

Status check_options(const AssignerOptions& options) {
  if (!is_between(options.threshold, 0, 1)) return invalid("threshold must be in (0, 1)");
  if (!is_between(options.attributes.noise, 0, 1)) return invalid("noise must be in (0, 1)");
  if (!is_between(options.attributes.unlisted_noise, 0, 1)) {
    return invalid("unlisted_noise must be in (0, 1)");
  }
  if (!(options.word_weight >= 0 && options.word_weight <= 1)) {
    return invalid("word_weight must be in [0, 1]");
  }
  if (!(options.prior_words > 0)) return invalid("prior_words must be > 0");
  if (!(options.max_message_log_odds > 0)) return invalid("max_message_log_odds must be > 0");
  if (!(options.message_decay > 0 && options.message_decay <= 1)) {
    return invalid("message_decay must be in (0, 1]");
  }
  if (!(options.word_half_life_days >= 0)) return invalid("word_half_life_days must be >= 0");
  if (options.min_messages < 1) return invalid("min_messages must be >= 1");
  return {};
}

Status check_rest(const AssignerOptions& options) {
  const BehaviourOptions& behaviour = options.behaviour;
  if (!(behaviour.prior_events > 0)) return invalid("prior_events must be > 0");
  if (!(behaviour.event_decay > 0 && behaviour.event_decay <= 1)) {
    return invalid("event_decay must be in (0, 1]");
  }
  if (!(behaviour.half_life_days >= 0)) return invalid("half_life_days must be >= 0");
  if (behaviour.max_names < 1) return invalid("max_names must be >= 1");
  if (!is_between(options.drift.margin, 0, 1)) return invalid("margin must be in (0, 1)");
  if (options.drift.min_confirmations < 1) return invalid("min_confirmations must be >= 1");
  return {};
}

// What changes the sums that are kept.
std::string options_text(const AssignerOptions& options) {
  return base::dump_json(base::Json{options.attributes.noise, options.attributes.unlisted_noise,
                                    options.word_weight, options.prior_words,
                                    options.max_message_log_odds, options.message_decay,
                                    options.word_half_life_days});
}

void keep_strongest(std::size_t limit, std::vector<Evidence>& evidence) {
  std::stable_sort(evidence.begin(), evidence.end(), [](const Evidence& a, const Evidence& b) {
    return std::abs(a.weight) > std::abs(b.weight);
  });
  if (evidence.size() > limit) evidence.resize(limit);
}

base::UnixMicros last_of(const storage::AttributeTimes& times) {
  base::UnixMicros last = 0;
  for (const auto& [name, at] : times) last = std::max(last, at);
  return last;
}

}  // namespace

std::vector<storage::PersonaWeight> given_a_persona(std::vector<storage::PersonaWeight> weights) {
  double total = 0.0;
  for (const auto& weight : weights) total += weight.probability;
  if (total <= 0) return weights;
  for (auto& weight : weights) weight.probability /= total;
  return weights;
}

Result<Assigner> Assigner::create(PersonaCatalogue catalogue, std::span<const TrainingText> texts,
                                  const AssignerOptions& options, const AssignmentModel& model) {
  KITH_RETURN_IF_ERROR(check_options(options));
  KITH_RETURN_IF_ERROR(check_rest(options));
  std::string data_hash = data_hash_of(catalogue, texts);
  if (!model.data_hash.empty() && model.data_hash != data_hash) {
    return Error{ErrorCode::kConflict,
                 "the assignment model was fitted with another catalogue or other texts: run kith "
                 "persona calibrate"};
  }
  Assigner assigner;
  assigner.catalogue_ = std::move(catalogue);
  assigner.options_ = options;
  assigner.weights_ = model.weights;
  // Not the model: what it holds is applied to the sums and not kept in them.
  assigner.version_ = storage::digest({kMethod, data_hash, options_text(options)});
  assigner.data_hash_ = std::move(data_hash);
  for (const Persona& persona : assigner.catalogue_.personas()) {
    assigner.outcomes_.push_back(persona.id);
  }
  const std::vector<PersonaId> personas = assigner.outcomes_;
  assigner.outcomes_.emplace_back(kNoPersona);
  assigner.rules_ = AttributeRules(assigner.catalogue_, options.attributes);
  assigner.words_ = WordModel(assigner.catalogue_, texts, options.prior_words);
  assigner.behaviour_ = BehaviourModel(personas, model.behaviour, options.behaviour);
  return assigner;
}

std::vector<double> Assigner::score_words(const WordState& words, base::UnixMicros now,
                                          std::vector<Evidence>* evidence) const {
  std::vector<double> log_odds(outcomes_.size());
  const double faded = fade(words.at, now, options_.word_half_life_days);
  for (std::size_t k = 0; k < outcomes_.size(); ++k) {
    const auto it = words.log_odds.find(outcomes_[k]);
    if (it != words.log_odds.end()) log_odds[k] = faded * it->second;
  }
  if (evidence == nullptr) return log_odds;
  for (Evidence reason : words.reasons) {
    reason.weight *= faded * weights_.words;
    evidence->push_back(std::move(reason));
  }
  const double strange = weights_.words_of_none * log_odds.back();
  if (strange >= kMinReason) {
    evidence->push_back({outcomes_.back(), "words", "words that no persona uses", strange});
  }
  return log_odds;
}

std::vector<double> Assigner::score_behaviour(const BehaviourState& behaviour, base::UnixMicros now,
                                              std::vector<Evidence>* evidence) const {
  std::vector<double> log_odds(num_personas());
  if (behaviour_.empty()) return log_odds;
  const double faded = fade(behaviour.at, now, options_.behaviour.half_life_days);
  for (const auto& [name, count] : behaviour.counts) {
    const std::vector<double>* of_event = behaviour_.find(name);
    if (of_event == nullptr) continue;
    for (std::size_t k = 0; k < num_personas(); ++k) {
      const double value = std::sqrt(faded * count) * (*of_event)[k];
      log_odds[k] += value;
      const double weight = weights_.behaviour * value;
      if (evidence == nullptr || std::abs(weight) < kMinReason) continue;
      evidence->push_back({outcomes_[k], "behaviour", name, weight});
    }
  }
  return log_odds;
}

EvidenceScores Assigner::score(const UserFacts& facts, const AssignmentState& state,
                               std::vector<Evidence>* evidence) const {
  EvidenceScores scores;
  scores.attributes.resize(outcomes_.size());
  std::vector<Evidence> reasons;
  rules_.weigh(facts, scores.attributes, reasons);
  if (evidence != nullptr) {
    for (Evidence& reason : reasons) {
      const bool is_none = reason.persona.str() == kNoPersona;
      reason.weight *= is_none ? weights_.attributes_of_none : weights_.attributes;
    }
    *evidence = std::move(reasons);
  }
  scores.words = score_words(state.words, facts.now, evidence);
  scores.behaviour = score_behaviour(state.behaviour, facts.now, evidence);
  return scores;
}

EvidenceScores Assigner::score(const UserFacts& facts, const AssignmentState& state) const {
  return score(facts, state, nullptr);
}

Assignment Assigner::assign(const UserFacts& facts, const AssignmentState& state) const {
  Assignment assignment;
  if (num_personas() == 0) return assignment;
  const EvidenceScores scores = score(facts, state, &assignment.evidence);
  const std::vector<double> posterior = posterior_of(scores, weights_);
  for (std::size_t k = 0; k < num_personas(); ++k) {
    assignment.weights.push_back({outcomes_[k], posterior[k]});
  }
  assignment.abstain = posterior.back();
  std::stable_sort(assignment.weights.begin(), assignment.weights.end(),
                   [](const auto& a, const auto& b) { return a.probability > b.probability; });
  const bool has_attributes = std::any_of(
      assignment.evidence.begin(), assignment.evidence.end(), [](const Evidence& reason) {
        return reason.source == "attribute" || reason.source == "context";
      });
  const bool is_stranger = !has_attributes && state.words.num_messages < options_.min_messages;
  keep_strongest(kMaxEvidence, assignment.evidence);
  const auto& best = assignment.weights.front();
  if (!is_stranger && best.probability >= options_.threshold) assignment.persona = best.persona;
  return assignment;
}

Assignment Assigner::assign_by_attributes(const storage::Attributes& attributes) const {
  return assign({.attributes = attributes}, {});
}

std::vector<double> Assigner::weigh_message(std::string_view message,
                                            std::vector<Evidence>& reasons) const {
  std::vector<double> total(outcomes_.size() - 1);
  double strangeness = 0.0;
  std::set<std::string> seen;
  for (const std::string& word : text::segment_words(message)) {
    // Repeating a word is not new evidence.
    if (!seen.insert(word).second) continue;
    const std::vector<double>* log_odds = words_.find(word);
    strangeness += words_.strangeness(log_odds != nullptr);
    if (log_odds == nullptr) continue;
    const auto best = std::max_element(log_odds->begin(), log_odds->end());
    const auto persona = static_cast<std::size_t>(best - log_odds->begin());
    reasons.push_back({outcomes_[persona], "words", word, options_.word_weight * *best});
    for (std::size_t k = 0; k < total.size(); ++k) {
      total[k] += options_.word_weight * (*log_odds)[k];
    }
  }
  const double bound = options_.max_message_log_odds;
  bound_by(bound, total);
  total.push_back(std::clamp(strangeness, -bound, bound));
  std::erase_if(reasons, [](const Evidence& reason) { return reason.weight < kMinReason; });
  return total;
}

void Assigner::observe(std::string_view message, base::UnixMicros at,
                       AssignmentState& state) const {
  WordState& words = state.words;
  const std::string told = without_denied_sentences(message);
  if (num_personas() == 0 || trim(told).empty() || !note_message(message, words.seen)) return;
  std::vector<Evidence> reasons;
  const std::vector<double> total = weigh_message(told, reasons);
  const double kept = options_.message_decay * fade(words.at, at, options_.word_half_life_days);
  for (std::size_t k = 0; k < outcomes_.size(); ++k) {
    double& sum = words.log_odds[outcomes_[k]];
    sum = kept * sum + total[k];
  }
  // A user with a vocabulary of his own must not talk himself out of what else is known of him.
  double& strange = words.log_odds[outcomes_.back()];
  strange = std::clamp(strange, -kMaxStrangeness, kMaxStrangeness);
  ++words.num_messages;
  words.at = std::max(words.at, at);
  for (Evidence& reason : words.reasons) reason.weight *= kept;
  words.reasons.insert(words.reasons.end(), reasons.begin(), reasons.end());
  keep_strongest(kMaxWordReasons, words.reasons);
}

void Assigner::observe(const BehaviourEvent& event, base::UnixMicros at,
                       AssignmentState& state) const {
  if (num_personas() == 0) return;
  persona::observe(event, at, options_.behaviour, state.behaviour);
}

std::optional<PersonaChange> Assigner::note_drift(const Assignment& assignment,
                                                  const UserFacts& facts, bool has_news,
                                                  AssignmentState& state) const {
  const PersonaId& found = assignment.persona;
  const bool is_new = !found.empty() && found != state.established.persona;
  const DriftLook look{
      .assignment = assignment,
      .by_attributes = is_new ? assign_by_attributes(facts.attributes).persona : PersonaId(),
      .attributes_changed_at = last_of(facts.recorded_at),
      .has_news = has_news,
      .now = facts.now};
  return note_look(look, options_.drift, state.established);
}

}  // namespace kith::persona
