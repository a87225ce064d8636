#include "kith/persona/assignment.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>

#include "kith/base/json.h"
#include "kith/storage/digest.h"
#include "kith/text/segment.h"

namespace kith::persona {
namespace {

// Weights below this explain nothing.
constexpr double kMinReason = 0.05;
constexpr std::size_t kMaxEvidence = 24;
constexpr std::size_t kMaxWordReasons = 12;
constexpr std::size_t kMaxSeen = 64;

// Free text about a job: its words are compared with the words of the listed values.
constexpr std::array<std::string_view, 4> kTitleAttributes = {"title", "job_title", "jobtitle",
                                                              "position"};

Error invalid(const std::string& message) { return Error{ErrorCode::kInvalidArgument, message}; }

std::string to_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

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

void subtract_mean(std::vector<double>& values) {
  if (values.empty()) return;
  const double mean =
      std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  for (double& value : values) value -= mean;
}

// Limits every value to [-bound, bound] by scaling, which keeps their proportions.
void bound_by(double bound, std::vector<double>& values) {
  double largest = 0.0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  if (largest <= bound) return;
  for (double& value : values) value *= bound / largest;
}

// In an English title the last noun says what somebody is ("Executive Assistant"), or the one
// before "of" ("Head of Quality"); the words around it only say where.
std::size_t find_head_word(const std::vector<std::string>& words) {
  const auto of = std::find(words.begin(), words.end(), "of");
  if (of != words.end() && of != words.begin()) {
    return static_cast<std::size_t>(of - words.begin()) - 1;
  }
  return words.empty() ? 0 : words.size() - 1;
}

bool is_title(std::string_view name) {
  return std::find(kTitleAttributes.begin(), kTitleAttributes.end(), name) !=
         kTitleAttributes.end();
}

bool is_between(double value, double low, double high) { return value > low && value < high; }

Status check_options(const AssignerOptions& options) {
  if (!is_between(options.threshold, 0, 1)) return invalid("threshold must be in (0, 1)");
  if (!is_between(options.noise, 0, 1)) return invalid("noise must be in (0, 1)");
  if (!is_between(options.unlisted_noise, 0, 1)) {
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
  if (options.min_messages < 1) return invalid("min_messages must be >= 1");
  return {};
}

std::string options_text(const AssignerOptions& options) {
  return base::dump_json(base::Json{options.noise, options.unlisted_noise, options.word_weight,
                                    options.prior_words, options.max_message_log_odds,
                                    options.message_decay});
}

void keep_strongest(std::size_t limit, std::vector<Evidence>& evidence) {
  std::stable_sort(evidence.begin(), evidence.end(), [](const Evidence& a, const Evidence& b) {
    return std::abs(a.weight) > std::abs(b.weight);
  });
  if (evidence.size() > limit) evidence.resize(limit);
}

}  // namespace

Result<Assigner> Assigner::create(PersonaCatalogue catalogue, std::span<const TrainingText> texts,
                                  const AssignerOptions& options) {
  KITH_RETURN_IF_ERROR(check_options(options));
  Assigner assigner;
  assigner.catalogue_ = std::move(catalogue);
  assigner.options_ = options;
  std::string version = storage::digest({assigner.catalogue_.version(), options_text(options)});
  for (const TrainingText& text : texts) {
    version = storage::digest({version, text.persona.str(), text.text});
  }
  assigner.version_ = std::move(version);
  assigner.index_rules();
  assigner.weigh_words(texts);
  return assigner;
}

void Assigner::index_rules() {
  const auto& personas = catalogue_.personas();
  for (std::size_t k = 0; k < personas.size(); ++k) {
    for (const auto& [name, values] : personas[k].attributes) {
      AttributeRule& rule = rules_[to_lower(name)];
      rule.num_listed.resize(personas.size());
      for (const std::string& value : values) {
        auto& listed = rule.listed_by[to_lower(value)];
        listed.resize(personas.size());
        if (!listed[k]) ++rule.num_listed[k];
        listed[k] = true;
        for (const std::string& word : text::segment_words(value)) {
          auto& owners = value_words_[word];
          owners.resize(personas.size());
          owners[k] = true;
        }
      }
    }
  }
}

void Assigner::weigh_words(std::span<const TrainingText> texts) {
  const auto& personas = catalogue_.personas();
  // [num_personas] for each word, and their sums.
  std::unordered_map<std::string, std::vector<double>> counts;
  std::vector<double> totals(personas.size());
  const auto count = [&](std::size_t k, const std::string& written) {
    for (const std::string& word : text::segment_words(written)) {
      auto& of_word = counts[word];
      of_word.resize(personas.size());
      of_word[k] += 1.0;
      totals[k] += 1.0;
    }
  };
  std::map<PersonaId, std::size_t> index;
  for (std::size_t k = 0; k < personas.size(); ++k) {
    index[personas[k].id] = k;
    for (const std::string& exemplar : personas[k].exemplars) count(k, exemplar);
  }
  for (const TrainingText& text : texts) {
    const auto it = index.find(text.persona);
    if (it != index.end()) count(it->second, text.text);
  }
  for (const auto& [word, of_word] : counts) {
    word_log_odds_.emplace(word, log_odds_of(of_word, totals));
  }
}

std::vector<double> Assigner::log_odds_of(const std::vector<double>& counts,
                                          const std::vector<double>& totals) const {
  // The average over personas, not over words: a persona with more training text must not set what
  // is common.
  double common = 0.0;
  for (std::size_t k = 0; k < counts.size(); ++k) {
    if (totals[k] > 0) common += counts[k] / totals[k];
  }
  common /= static_cast<double>(counts.size());
  std::vector<double> log_odds(counts.size());
  for (std::size_t k = 0; k < counts.size(); ++k) {
    log_odds[k] =
        std::log((counts[k] + options_.prior_words * common) / (totals[k] + options_.prior_words));
  }
  subtract_mean(log_odds);
  return log_odds;
}

void Assigner::add_evidence(std::string_view source, const std::string& detail,
                            std::vector<double> log_likelihood, std::vector<double>& log_odds,
                            std::vector<Evidence>& evidence) const {
  subtract_mean(log_likelihood);
  for (std::size_t k = 0; k < log_odds.size(); ++k) {
    log_odds[k] += log_likelihood[k];
    if (std::abs(log_likelihood[k]) < kMinReason) continue;
    evidence.push_back(
        {catalogue_.personas()[k].id, std::string(source), detail, log_likelihood[k]});
  }
}

void Assigner::add_value(const std::string& name, const std::string& value, std::string_view source,
                         std::vector<double>& log_odds, std::vector<Evidence>& evidence) const {
  const AttributeRule& rule = rules_.at(name);
  const auto listed_by = rule.listed_by.find(to_lower(value));
  const bool is_listed = listed_by != rule.listed_by.end();
  // One more value stands for all that nobody lists.
  const double num_values = static_cast<double>(rule.listed_by.size() + 1);
  std::vector<double> log_likelihood(log_odds.size());
  for (std::size_t k = 0; k < log_odds.size(); ++k) {
    const auto num_listed = static_cast<double>(rule.num_listed[k]);
    double likelihood = 0.0;
    if (rule.num_listed[k] == 0) {
      likelihood =
          is_listed ? options_.unlisted_noise / (num_values - 1) : 1 - options_.unlisted_noise;
    } else if (is_listed && listed_by->second[k]) {
      likelihood = (1 - options_.noise) / num_listed;
    } else {
      likelihood = options_.noise / (num_values - num_listed);
    }
    log_likelihood[k] = std::log(likelihood);
  }
  // A value that nobody lists says who the user is not; it is named without being quoted.
  const std::string detail = name + (is_listed ? "=" + value : " is none of those listed");
  add_evidence(source, detail, std::move(log_likelihood), log_odds, evidence);
}

void Assigner::add_title(const std::string& name, const std::string& value, std::string_view source,
                         std::vector<double>& log_odds, std::vector<Evidence>& evidence) const {
  const std::vector<std::string> words = text::segment_words(value);
  const std::size_t head = find_head_word(words);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto owners = value_words_.find(words[i]);
    if (owners == value_words_.end()) continue;
    const double weight = i == head ? 1.0 : 0.25;
    std::vector<double> log_likelihood(log_odds.size());
    for (std::size_t k = 0; k < log_odds.size(); ++k) {
      log_likelihood[k] =
          weight * std::log(owners->second[k] ? 1 - options_.noise : options_.noise);
    }
    add_evidence(source, name + "~" + words[i], std::move(log_likelihood), log_odds, evidence);
  }
}

void Assigner::add_attributes(const storage::Attributes& attributes, std::string_view source,
                              std::vector<double>& log_odds,
                              std::vector<Evidence>& evidence) const {
  for (const auto& [raw_name, value] : attributes) {
    // The catalogue has no rule for what is on the deny list.
    if (value.empty()) continue;
    const std::string name = to_lower(raw_name);
    if (rules_.contains(name)) {
      add_value(name, value, source, log_odds, evidence);
    } else if (is_title(name)) {
      add_title(name, value, source, log_odds, evidence);
    }
  }
}

Assignment Assigner::finish(const std::vector<double>& log_odds,
                            std::vector<Evidence> evidence) const {
  Assignment assignment;
  if (log_odds.empty()) return assignment;
  const double largest = *std::max_element(log_odds.begin(), log_odds.end());
  double total = 0.0;
  for (const double value : log_odds) total += std::exp(value - largest);
  for (std::size_t k = 0; k < log_odds.size(); ++k) {
    assignment.weights.push_back(
        {catalogue_.personas()[k].id, std::exp(log_odds[k] - largest) / total});
  }
  std::stable_sort(assignment.weights.begin(), assignment.weights.end(),
                   [](const auto& a, const auto& b) { return a.probability > b.probability; });
  keep_strongest(kMaxEvidence, evidence);
  assignment.evidence = std::move(evidence);
  // A flat posterior reaches no sensible threshold, but with one persona it is 1 by definition:
  // then there must be a reason.
  const bool is_informed = !assignment.evidence.empty();
  if (is_informed && assignment.weights.front().probability >= options_.threshold) {
    assignment.persona = assignment.weights.front().persona;
  }
  return assignment;
}

Assignment Assigner::assign(const storage::Attributes& attributes,
                            const storage::Attributes& context, const WordState& words) const {
  std::vector<double> log_odds(catalogue_.personas().size());
  std::vector<Evidence> evidence;
  storage::Attributes own = attributes;
  for (const auto& [name, value] : context) own.erase(name);
  add_attributes(own, "attribute", log_odds, evidence);
  add_attributes(context, "context", log_odds, evidence);
  const bool is_stranger = evidence.empty() && words.num_messages < options_.min_messages;
  for (std::size_t k = 0; k < log_odds.size(); ++k) {
    const auto it = words.log_odds.find(catalogue_.personas()[k].id);
    if (it != words.log_odds.end()) log_odds[k] += it->second;
  }
  evidence.insert(evidence.end(), words.reasons.begin(), words.reasons.end());
  Assignment assignment = finish(log_odds, std::move(evidence));
  if (is_stranger) assignment.persona = PersonaId();
  return assignment;
}

Assignment Assigner::assign_by_attributes(const storage::Attributes& attributes) const {
  return assign(attributes, {}, {});
}

void Assigner::observe(std::string_view message, WordState& words) const {
  const auto& personas = catalogue_.personas();
  if (personas.empty() || !note_message(message, words.seen)) return;
  std::vector<double> total(personas.size());
  std::vector<Evidence> reasons;
  std::set<std::string> seen;
  for (const std::string& word : text::segment_words(message)) {
    // Repeating a word is not new evidence.
    if (!seen.insert(word).second) continue;
    const auto found = word_log_odds_.find(word);
    if (found == word_log_odds_.end()) continue;
    const std::vector<double>& log_odds = found->second;
    const auto best = std::max_element(log_odds.begin(), log_odds.end());
    const auto persona = static_cast<std::size_t>(best - log_odds.begin());
    reasons.push_back({personas[persona].id, "words", word, options_.word_weight * *best});
    for (std::size_t k = 0; k < total.size(); ++k) {
      total[k] += options_.word_weight * log_odds[k];
    }
  }
  bound_by(options_.max_message_log_odds, total);
  for (std::size_t k = 0; k < personas.size(); ++k) {
    double& sum = words.log_odds[personas[k].id];
    sum = options_.message_decay * sum + total[k];
  }
  ++words.num_messages;
  const auto is_weak = [](const Evidence& reason) { return reason.weight < kMinReason; };
  std::erase_if(reasons, is_weak);
  for (Evidence& reason : words.reasons) reason.weight *= options_.message_decay;
  words.reasons.insert(words.reasons.end(), reasons.begin(), reasons.end());
  keep_strongest(kMaxWordReasons, words.reasons);
}

}  // namespace kith::persona
