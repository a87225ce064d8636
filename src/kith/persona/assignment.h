// Which persona is this user? A probability for each and for "none of these", with the reasons.
//
// Method: three sources of evidence (attribute_rules.h, word_model.h, behaviour_model.h), each
// naive Bayes in itself, bounded for each message and event, and fading with time, so that a user
// who changes drifts; a log-linear pool makes one calibrated posterior of them
// (assignment_weights.h). See docs/formats/personas.md and docs/adr/0021-assignment-posterior.md.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/ids.h"
#include "kith/base/result.h"
#include "kith/persona/assignment_model.h"
#include "kith/persona/assignment_state.h"
#include "kith/persona/assignment_weights.h"
#include "kith/persona/attribute_rules.h"
#include "kith/persona/behaviour_model.h"
#include "kith/persona/catalogue.h"
#include "kith/persona/persona_drift.h"
#include "kith/persona/training_text.h"
#include "kith/persona/word_model.h"
#include "kith/storage/user_store.h"

namespace kith::persona {

struct AssignerOptions {
  // Below this, nobody is assigned and the answer is plain. In (0, 1).
  double threshold = 0.55;
  AttributeOptions attributes;
  // Scales the log-likelihood of words. In [0, 1]; 0 ignores them.
  double word_weight = 0.2;
  // Mass of the Dirichlet prior, in words. > 0.
  double prior_words = 20.0;
  // A message moves a persona's log-odds by at most this. > 0.
  double max_message_log_odds = 1.5;
  // What earlier messages keep of their weight with each new one. In (0, 1].
  double message_decay = 0.97;
  // After so many days what a message said counts half; 0: for ever. >= 0.
  double word_half_life_days = 180.0;
  // Words and behaviour alone give a persona only from this many messages on: about a stranger's
  // first question nothing is known.
  std::int64_t min_messages = 3;
  BehaviourOptions behaviour;
  DriftOptions drift;
};

// Immutable after create(); thread-safe.
class Assigner {
 public:
  // `model` holds what was learned from users of known personas (assignment_training.h); as it
  // stands by default, the sources have their usual weights and behaviour says nothing.
  // Errors: kInvalidArgument if an option is outside its range; kConflict if the model was fitted
  //   with another catalogue or other texts.
  static Result<Assigner> create(PersonaCatalogue catalogue,
                                 std::span<const TrainingText> texts = {},
                                 const AssignerOptions& options = {},
                                 const AssignmentModel& model = {});

  const PersonaCatalogue& catalogue() const { return catalogue_; }
  const AssignerOptions& options() const { return options_; }
  const AssignmentWeights& weights() const { return weights_; }
  // data_hash_of() of the catalogue and the texts.
  const std::string& data_hash() const { return data_hash_; }
  // Changes with the catalogue, the training texts, the options and the model.
  const std::string& version() const { return version_; }

  // The posterior. Attributes on the deny list are never looked at. O(attributes + what is kept of
  // the behaviour), whatever the user's history.
  Assignment assign(const UserFacts& facts, const AssignmentState& state) const;
  // From the attributes alone: what a user cannot talk himself into. Decides on access to
  // documents.
  Assignment assign_by_attributes(const storage::Attributes& attributes) const;
  // What assign() pools, for fitting the weights.
  EvidenceScores score(const UserFacts& facts, const AssignmentState& state) const;

  // Takes one message of the user into account, unless it is among the last ones seen; sentences
  // about a matter on the deny list count for nothing. O(words of the message).
  void observe(std::string_view message, base::UnixMicros at, AssignmentState& state) const;
  // Takes one thing that the user did into account. O(1).
  void observe(const BehaviourEvent& event, base::UnixMicros at, AssignmentState& state) const;

  // Whether the user has become another persona than the established one; see persona_drift.h.
  //   assignment: assign() of these facts without the context of a request
  //   has_news: whether anything was observed since the last call
  std::optional<PersonaChange> note_drift(const Assignment& assignment, const UserFacts& facts,
                                          bool has_news, AssignmentState& state) const;

  // The row that keeps an assignment and its state, and back. Of a row of another version the words
  // are forgotten, as their sums mean something else now (relearn them from the messages); of a
  // damaged row what is damaged.
  storage::PersonaAssignment to_row(const Assignment& assignment, const AssignmentState& state,
                                    base::UnixMicros at) const;
  AssignmentState from_row(const storage::PersonaAssignment& row) const;

 private:
  Assigner() = default;
  std::size_t num_personas() const { return outcomes_.size() - 1; }
  std::vector<double> score_words(const WordState& words, base::UnixMicros now,
                                  std::vector<Evidence>* evidence) const;
  std::vector<double> score_behaviour(const BehaviourState& behaviour, base::UnixMicros now,
                                      std::vector<Evidence>* evidence) const;
  EvidenceScores score(const UserFacts& facts, const AssignmentState& state,
                       std::vector<Evidence>* evidence) const;
  // [num_personas + 1], the last: "none of these", bounded; and the words that counted.
  std::vector<double> weigh_message(std::string_view message, std::vector<Evidence>& reasons) const;

  PersonaCatalogue catalogue_;
  AssignerOptions options_;
  AssignmentWeights weights_;
  std::string data_hash_;
  std::string version_;
  // The personas in the order of the catalogue, and kNoPersona.
  std::vector<PersonaId> outcomes_;
  AttributeRules rules_;
  WordModel words_;
  BehaviourModel behaviour_;
};

}  // namespace kith::persona
