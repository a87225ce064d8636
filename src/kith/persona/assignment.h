// Which persona is this user? A probability for each, with the reasons.
//
// Method: naive Bayes over two kinds of evidence.
//   attributes  For an attribute with rules, P(value | persona) = (1 - noise) / |listed| for a
//   value
//               the persona lists, and the noise spread over the other values otherwise; a persona
//               without a rule expects a value that nobody lists, with a larger noise. No
//               probability is ever zero, so a stale directory entry never excludes a persona.
//   words       A multinomial with a Dirichlet prior around the common word frequencies (Zhai and
//               Lafferty 2001) over what the persona's users write, tempered, and bounded for each
//               message, because the words of one message are far from independent.
// The prior is flat. See docs/formats/personas.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/ids.h"
#include "kith/base/result.h"
#include "kith/persona/catalogue.h"
#include "kith/storage/user_store.h"

namespace kith::persona {

struct AssignerOptions {
  // Below this, nobody is assigned and the answer is plain. In (0, 1).
  double threshold = 0.55;
  // Chance that a value contradicts a persona that lists others. In (0, 1).
  double noise = 0.06;
  // Chance that a persona without a rule shows a value that others list. In (0, 1).
  double unlisted_noise = 0.3;
  // Scales the log-likelihood of words. In [0, 1]; 0 ignores them.
  double word_weight = 0.2;
  // Mass of the Dirichlet prior, in words. > 0.
  double prior_words = 20.0;
  // A message moves a persona's log-odds by at most this. > 0.
  double max_message_log_odds = 1.5;
  // What earlier messages keep of their weight with each new one. In (0, 1].
  double message_decay = 0.97;
  // Words alone give a persona only from this many messages on: about a stranger's first question
  // nothing is known.
  std::int64_t min_messages = 3;
};

// One reason for or against a persona.
struct Evidence {
  PersonaId persona;
  std::string source;  // "attribute", "context" or "words"
  std::string detail;  // "grade=director", or the words that counted; never a whole message
  // Change of the log-odds against the average persona; positive speaks for it.
  double weight = 0.0;

  friend bool operator==(const Evidence&, const Evidence&) = default;
};

// What the user's messages have said so far: sums, not texts.
struct WordState {
  // Per persona of the catalogue, in nats, mean zero.
  std::map<PersonaId, double> log_odds;
  std::int64_t num_messages = 0;
  // Words that counted most: word to weight for its persona.
  std::vector<Evidence> reasons;
  // Hashes of the messages learned last, newest last: an answer that is asked for anew, or a
  // history that is resent in part, is not learned from twice.
  std::vector<std::string> seen;

  friend bool operator==(const WordState&, const WordState&) = default;
};

struct Assignment {
  // Most likely first; sums to 1. Empty if the catalogue is.
  std::vector<storage::PersonaWeight> weights;
  // Strongest first.
  std::vector<Evidence> evidence;
  // The most likely persona if its probability reaches the threshold, else empty.
  PersonaId persona;
};

// A text whose writer's persona is known.
struct TrainingText {
  PersonaId persona;
  std::string text;
};

// Reads JSON Lines {"persona":..,"text":..}.
// Errors: kNotFound; kInvalidArgument naming file and line.
Result<std::vector<TrainingText>> load_training_texts(const std::filesystem::path& file);

// Immutable after create(); thread-safe.
class Assigner {
 public:
  // Learns the words from the catalogue's exemplars, which carry little, and `texts` (personas that
  // the catalogue does not know are ignored). Errors: kInvalidArgument if an option is outside its
  // range.
  static Result<Assigner> create(PersonaCatalogue catalogue,
                                 std::span<const TrainingText> texts = {},
                                 const AssignerOptions& options = {});

  const PersonaCatalogue& catalogue() const { return catalogue_; }
  const AssignerOptions& options() const { return options_; }
  // Changes with the catalogue, the training texts and the options.
  const std::string& version() const { return version_; }

  // The posterior. `context` holds what the request says about the situation (device, place); it
  // replaces attributes of the same name. Attributes on the deny list are never looked at.
  Assignment assign(const storage::Attributes& attributes, const storage::Attributes& context,
                    const WordState& words) const;
  // From the attributes alone: what a user cannot talk himself into. Decides on access to
  // documents.
  Assignment assign_by_attributes(const storage::Attributes& attributes) const;

  // Takes one message of the user into account, unless it is among the last ones seen. O(words of
  // the message).
  void observe(std::string_view message, WordState& words) const;

  // The row that keeps an assignment and its word state, and back. A row of another version or a
  // damaged one gives an empty state.
  storage::PersonaAssignment to_row(const Assignment& assignment, const WordState& words,
                                    base::UnixMicros at) const;
  WordState from_row(const storage::PersonaAssignment& row) const;

 private:
  struct AttributeRule {
    // Per value (lower case), which personas list it.
    std::map<std::string, std::vector<bool>> listed_by;
    // Per persona, how many values it lists.
    std::vector<std::size_t> num_listed;
  };

  Assigner() = default;
  void index_rules();
  void weigh_words(std::span<const TrainingText> texts);
  // Of a word, from how often each persona wrote it and how many words each wrote.
  std::vector<double> log_odds_of(const std::vector<double>& counts,
                                  const std::vector<double>& totals) const;
  void add_value(const std::string& name, const std::string& value, std::string_view source,
                 std::vector<double>& log_odds, std::vector<Evidence>& evidence) const;
  void add_title(const std::string& name, const std::string& value, std::string_view source,
                 std::vector<double>& log_odds, std::vector<Evidence>& evidence) const;
  void add_evidence(std::string_view source, const std::string& detail,
                    std::vector<double> log_likelihood, std::vector<double>& log_odds,
                    std::vector<Evidence>& evidence) const;
  void add_attributes(const storage::Attributes& attributes, std::string_view source,
                      std::vector<double>& log_odds, std::vector<Evidence>& evidence) const;
  Assignment finish(const std::vector<double>& log_odds, std::vector<Evidence> evidence) const;

  PersonaCatalogue catalogue_;
  AssignerOptions options_;
  std::string version_;
  std::map<std::string, AttributeRule> rules_;
  // Words of the listed values: word to the personas that list it.
  std::map<std::string, std::vector<bool>> value_words_;
  // [num_personas] for each word that was learned, in nats, mean zero.
  std::unordered_map<std::string, std::vector<double>> word_log_odds_;
};

}  // namespace kith::persona
