#include "kith/persona/text_classifier.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <thread>

#include "kith/base/file.h"
#include "kith/base/fingerprint.h"
#include "kith/base/new_directory.h"
#include "kith/base/rng.h"
#include "kith/persona/calibration.h"
#include "kith/persona/classifier_card.h"
#include "kith/persona/linear_trainer.h"
#include "kith/persona/network_trainer.h"
#include "kith/persona/ngram_features.h"
#include "kith/persona/sparse_model.h"

namespace kith::persona {
namespace {

// Below so many texts, an n-gram that occurs once is worth keeping.
constexpr std::size_t kFewTexts = 2000;
// Below so many, each is held out in one of so many rounds.
constexpr std::size_t kCrossFittedTexts = 4000;
constexpr std::size_t kRounds = 4;
constexpr int kMaxThreads = 8;
// From so many texts out of scope on they have an output of their own.
constexpr std::size_t kFewestStrangeTexts = 20;

Error invalid(const std::string& what) { return Error{ErrorCode::kInvalidArgument, what}; }

Status check(const TrainOptions& options) {
  if (options.epochs > 1000) return invalid("epochs must be in [0, 1000]");
  if (options.hidden > 4096 || options.hidden % 16 != 0) {
    return invalid("hidden must be a multiple of 16 in [0, 4096]");
  }
  if (options.members < 1 || options.members > kMaxMembers) {
    return invalid("members must be in [1, " + std::to_string(kMaxMembers) + "]");
  }
  if (!(options.held_out >= 0.02 && options.held_out <= 0.5)) {
    return invalid("held_out must be in [0.02, 0.5]");
  }
  if (!(options.false_abstentions > 0.0 && options.false_abstentions < 1.0)) {
    return invalid("false_abstentions must be in (0, 1)");
  }
  return {};
}

// What a text is to a classifier before it has weights.
struct EncodedText {
  std::vector<FeatureHash> features;
  std::vector<float> vector;
  std::size_t label = kOutOfScope;
  std::string group;
};

// Rows of a text: its n-grams, then the elements of its vector.
void append_rows(const FeatureTable& table, std::span<const FeatureHash> features,
                 std::span<const float> vector, std::vector<WeighedRow>& rows) {
  table.weigh(features, rows);
  for (std::size_t i = 0; i < vector.size(); ++i) {
    rows.push_back({static_cast<std::uint32_t>(table.size() + i), vector[i]});
  }
}

Result<std::vector<std::string>> labels_of(std::span<const LabelledText> texts) {
  std::map<std::string, std::size_t> counts;
  for (const LabelledText& text : texts) {
    if (!text.label.empty()) ++counts[text.label];
  }
  if (counts.size() < 2 || counts.size() > kMaxLabels) {
    return invalid("texts must have 2 to " + std::to_string(kMaxLabels) +
                   " labels: " + std::to_string(counts.size()));
  }
  std::vector<std::string> labels;
  for (const auto& [label, count] : counts) {
    if (count < 2) return invalid("every label must have at least two texts: " + label);
    labels.push_back(label);
  }
  return labels;
}

Result<std::vector<EncodedText>> encode_texts(std::span<const LabelledText> texts,
                                              const std::vector<std::string>& labels,
                                              const TextEncoder& encoder) {
  std::vector<EncodedText> out(texts.size());
  std::vector<std::string_view> views;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    append_ngrams(fold_text(texts[i].text), out[i].features);
    views.emplace_back(texts[i].text);
    out[i].group = texts[i].group;
    if (texts[i].label.empty()) continue;
    const auto at = std::lower_bound(labels.begin(), labels.end(), texts[i].label);
    out[i].label = static_cast<std::size_t>(at - labels.begin());
  }
  const std::size_t width = encoder.dimensions();
  std::vector<float> vectors(texts.size() * width);
  KITH_RETURN_IF_ERROR(encoder.encode_all(views, vectors));
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto first = vectors.begin() + static_cast<std::ptrdiff_t>(i * width);
    out[i].vector.assign(first, first + static_cast<std::ptrdiff_t>(width));
  }
  return out;
}

// In which round each text is kept from the weights: of every label its share in each, at least
// one; kNever: in none.
constexpr std::size_t kNever = static_cast<std::size_t>(-1);

struct HeldOutRounds {
  std::size_t rounds = 1;
  std::vector<std::size_t> round_of;  // by text
};

// Every text of a group is held out with the first of them; where there are groups, texts in scope
// without one are learned from alone.
void join_groups(const std::vector<EncodedText>& texts, HeldOutRounds& drawn) {
  const bool has_groups =
      std::any_of(texts.begin(), texts.end(), [](const auto& text) { return !text.group.empty(); });
  if (!has_groups) return;
  std::map<std::string_view, std::size_t> round_of_group;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const EncodedText& text = texts[i];
    if (!text.group.empty()) {
      drawn.round_of[i] = round_of_group.emplace(text.group, drawn.round_of[i]).first->second;
    } else if (text.label != kOutOfScope) {
      drawn.round_of[i] = kNever;
    }
  }
}

HeldOutRounds draw_held_out(const std::vector<EncodedText>& texts, double share,
                            std::uint64_t seed) {
  HeldOutRounds drawn;
  // Few texts calibrate badly: then every text is held out once.
  if (texts.size() < kCrossFittedTexts) drawn.rounds = kRounds;
  drawn.round_of.assign(texts.size(), kNever);
  std::map<std::size_t, std::vector<std::size_t>> by_label;
  for (std::size_t i = 0; i < texts.size(); ++i) by_label[texts[i].label].push_back(i);
  base::Rng rng(seed);
  for (auto& [label, members] : by_label) {
    for (std::size_t i = members.size(); i > 1; --i) {
      std::swap(members[i - 1], members[rng.below(i)]);
    }
    const auto wanted =
        static_cast<std::size_t>(std::lround(share * static_cast<double>(members.size())));
    const std::size_t least = members.size() >= 2 ? 1 : 0;
    const std::size_t count = drawn.rounds > 1 ? members.size() : std::max(wanted, least);
    for (std::size_t i = 0; i < count; ++i) drawn.round_of[members[i]] = i % drawn.rounds;
  }
  if (drawn.rounds > 1) join_groups(texts, drawn);
  return drawn;
}

// What a linear map may be trained with; which suits a set is found on held-out texts. Few labels
// of long texts want log-odds, small weights and little of the encoder, many of short ones the
// opposite.
struct LinearRecipe {
  float cost = 0.0F;
  float dense_scale = 0.0F;
  float log_odds = 0.0F;
};
constexpr std::array kLinearRecipes = {LinearRecipe{0.4F, 0.2F, 0.75F},
                                       LinearRecipe{0.4F, 0.4F, 0.0F},
                                       LinearRecipe{1.0F, 1.0F, 0.0F}};

// How a network and a linear map become one.
struct Mixture {
  LinearRecipe recipe = kLinearRecipes[0];
  // How much the linear map counts in the logits, in [0, 1].
  float linear_share = 0.0F;

  bool has_network() const { return linear_share < 1.0F; }
};

// Networks and linear maps that read the same rows.
struct TrainedParts {
  FeatureTable features;
  std::vector<NetworkWeights> members;  // may be none
  std::vector<LinearMap> linear;        // by recipe

  SparseModel to_model(std::size_t recipe, float linear_share) const {
    SparseModel model{.features = features, .members = {}};
    if (members.empty()) model.members.push_back(to_network(without_hidden(linear[recipe])));
    for (const NetworkWeights& member : members) {
      model.members.push_back(to_network(mix(member, linear[recipe], linear_share)));
    }
    return model;
  }
};

class Training {
 public:
  Training(const TrainOptions& options, const ClassifierCard& card)
      : options_(options),
        labels_(card.labels.size()),
        has_scope_(card.scope_output),
        dimensions_(card.encoder_dimensions) {}

  // `first` and `last`: the shares of the whole work between which this part lies.
  TrainedParts train(const std::vector<const EncodedText*>& texts,
                     std::span<const LinearRecipe> recipes, std::size_t num_networks, double first,
                     double last) const {
    std::vector<std::vector<FeatureHash>> documents;
    for (const EncodedText* text : texts) documents.push_back(text->features);
    TrainedParts parts;
    parts.features = FeatureTable::build(documents, texts.size() < kFewTexts ? 1 : 2);
    std::vector<TrainingExample> examples;
    for (const EncodedText* text : texts) {
      TrainingExample example{.rows = {}, .label = text->label, .target = {}};
      append_rows(parts.features, text->features, text->vector, example.rows);
      examples.push_back(std::move(example));
    }
    const std::size_t inputs = parts.features.size() + dimensions_;
    for (const LinearRecipe& recipe : recipes) {
      parts.linear.push_back(train_linear(examples, {.inputs = inputs,
                                                     .outputs = labels_ + (has_scope_ ? 1 : 0),
                                                     .scope_output = has_scope_,
                                                     .dense_inputs = dimensions_,
                                                     .dense_scale = recipe.dense_scale,
                                                     .cost = recipe.cost,
                                                     .log_odds = recipe.log_odds,
                                                     .seed = options_.seed,
                                                     .threads = threads()}));
    }
    if (options_.progress && num_networks == 0) options_.progress(last);
    const auto members = static_cast<double>(num_networks);
    for (std::size_t i = 0; i < num_networks; ++i) {
      const double begin = first + (last - first) * static_cast<double>(i) / members;
      parts.members.push_back(
          train_network(examples, network_options(inputs, texts.size(), i), [&](double share) {
            if (options_.progress) options_.progress(begin + share * (last - first) / members);
          }));
    }
    return parts;
  }

 private:
  static int threads() {
    return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kMaxThreads);
  }

  NetworkOptions network_options(std::size_t inputs, std::size_t texts, std::size_t member) const {
    return {.inputs = inputs,
            .outputs = labels_,
            .hidden = options_.hidden,
            .epochs = options_.epochs > 0 ? options_.epochs : usual_epochs(texts),
            .seed = options_.seed + 1000003 * member,
            .threads = threads()};
  }

  // Small sets need more passes for the same number of steps.
  static std::size_t usual_epochs(std::size_t texts) {
    return std::clamp<std::size_t>(120'000 / std::max<std::size_t>(texts, 1), 10, 30);
  }

  const TrainOptions& options_;
  std::size_t labels_;
  bool has_scope_;
  std::size_t dimensions_;
};

std::size_t greatest_of(std::span<const float> logits) {
  return static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

// How much more a text resembles those out of scope, where they have an output, than any label's.
float strangeness_of(std::span<const float> outputs, std::size_t labels) {
  const auto logits = outputs.first(labels);
  const float strange = outputs.size() > labels ? outputs[labels] : 0.0F;
  return strange - logits[greatest_of(logits)];
}

// What networks and linear maps say of texts that they have not seen, and what is fitted to it.
class Calibration {
 public:
  explicit Calibration(const ClassifierCard& card)
      : labels_(card.labels.size()), outputs_(num_outputs(card)) {}

  void add(const TrainedParts& trained, const std::vector<const EncodedText*>& texts) {
    has_networks_ = !trained.members.empty();
    if (has_networks_) append_logits(trained, texts, trained.to_model(0, 0.0F), network_);
    for (std::size_t i = 0; i < kLinearRecipes.size(); ++i) {
      append_logits(trained, texts, trained.to_model(i, 1.0F), linear_[i]);
    }
    for (const EncodedText* text : texts) answers_.push_back(text->label);
  }

  // Sets scale, threshold and metrics. The likelihood alone prefers networks, which are the
  // better calibrated, even where they are the worse classifiers.
  Mixture fit(double false_abstentions, ClassifierCard& card) const {
    std::vector<Candidate> candidates;
    for (std::size_t i = 0; i < kLinearRecipes.size(); ++i) {
      for (const float share : kLinearShares) {
        if (has_networks_ || share == 1.0F) candidates.push_back(try_out(i, share));
      }
    }
    double most_right = 0.0;
    for (const Candidate& one : candidates) most_right = std::max(most_right, one.macro_f1);
    const Candidate* best = nullptr;
    for (Candidate& one : candidates) {
      if (one.macro_f1 < most_right - kSameF1) continue;
      calibrate(one);
      if (best == nullptr || worth_of(one) > worth_of(*best)) best = &one;
    }
    card.scale = best->scale;
    card.metrics["linear_share"] = static_cast<double>(best->share);
    card.metrics["linear_cost"] = static_cast<double>(kLinearRecipes[best->recipe].cost);
    card.metrics["log_odds"] = static_cast<double>(kLinearRecipes[best->recipe].log_odds);
    measure(mixed(best->recipe, best->share), false_abstentions, card);
    return {kLinearRecipes[best->recipe], best->share};
  }

 private:
  struct Logits {
    std::vector<float> inside;         // [answers, labels], of texts in scope
    std::vector<std::size_t> answers;  // of these
    std::vector<float> inside_scores;  // minus the greatest logit
    std::vector<float> outside_scores;
  };

  struct Candidate {
    std::size_t recipe = 0;
    float share = 0.0F;
    double macro_f1 = 0.0;
    ProbabilityScale scale;
    double log_likelihood = 0.0;  // mean, by that scale
    double oos_auroc = 0.5;
  };

  // Of mixtures whose macro-F1 differs by less, the likelihood chooses.
  static constexpr double kSameF1 = 0.005;
  // Nats that a network must add to the machines: its hidden units cost as much as all the rest.
  static constexpr double kWorthOfNetwork = 0.01;

  // Even steps in the odds of the linear map.
  static constexpr std::array kLinearShares = {0.0F, 0.5F, 0.67F, 0.8F, 0.89F, 0.94F, 0.97F, 1.0F};

  // Recognising what is out of scope counts beside naming what is not.
  static double worth_of(const Candidate& one) {
    return one.log_likelihood + one.oos_auroc - (one.share < 1.0F ? kWorthOfNetwork : 0.0);
  }

  void append_logits(const TrainedParts& trained, const std::vector<const EncodedText*>& texts,
                     const SparseModel& model, std::vector<float>& logits) const {
    for (const EncodedText* text : texts) {
      std::vector<WeighedRow> rows;
      append_rows(trained.features, text->features, text->vector, rows);
      logits.resize(logits.size() + outputs_);
      model.run(rows, std::span(logits).last(outputs_));
    }
  }

  Candidate try_out(std::size_t recipe, float share) const {
    const Logits logits = mixed(recipe, share);
    std::vector<std::size_t> given;
    for (std::size_t i = 0; i < logits.answers.size(); ++i) {
      given.push_back(greatest_of(std::span(logits.inside).subspan(i * labels_, labels_)));
    }
    return {.recipe = recipe,
            .share = share,
            .macro_f1 = macro_f1(given, logits.answers, labels_),
            .scale = {}};
  }

  void calibrate(Candidate& one) const {
    const Logits logits = mixed(one.recipe, one.share);
    one.scale = fit_scale(logits.inside, logits.answers);
    one.log_likelihood = mean_log_likelihood(logits.inside, logits.answers, one.scale);
    one.oos_auroc = auroc(logits.inside_scores, logits.outside_scores);
  }

  Logits mixed(std::size_t recipe, float share) const {
    Logits logits;
    std::vector<float> row(outputs_);
    for (std::size_t i = 0; i < answers_.size(); ++i) {
      for (std::size_t k = 0; k < outputs_; ++k) {
        const std::size_t at = i * outputs_ + k;
        row[k] = share * linear_[recipe][at];
        if (has_networks_) row[k] += (1.0F - share) * network_[at];
      }
      const float score = strangeness_of(row, labels_);
      (answers_[i] == kOutOfScope ? logits.outside_scores : logits.inside_scores).push_back(score);
      if (answers_[i] == kOutOfScope) continue;
      logits.answers.push_back(answers_[i]);
      const auto of_labels = std::span(row).first(labels_);
      logits.inside.insert(logits.inside.end(), of_labels.begin(), of_labels.end());
    }
    return logits;
  }

  void measure(Logits logits, double false_abstentions, ClassifierCard& card) const {
    card.threshold = upper_quantile(logits.inside_scores, false_abstentions);
    std::vector<std::size_t> given;
    std::vector<float> confidences;
    std::vector<char> is_right;
    double right = 0.0;
    for (std::size_t i = 0; i < logits.answers.size(); ++i) {
      const auto row = std::span(logits.inside).subspan(i * labels_, labels_);
      to_probabilities(row, card.scale);
      given.push_back(greatest_of(row));
      confidences.push_back(row[given[i]]);
      is_right.push_back(given[i] == logits.answers[i] ? 1 : 0);
      right += is_right.back();
    }
    card.metrics["accuracy"] = right / static_cast<double>(logits.answers.size());
    card.metrics["macro_f1"] = macro_f1(given, logits.answers, labels_);
    card.metrics["ece"] = calibration_error(confidences, is_right);
    if (!logits.outside_scores.empty()) {
      card.metrics["oos_auroc"] = auroc(logits.inside_scores, logits.outside_scores);
    }
  }

  std::size_t labels_;
  std::size_t outputs_;
  std::vector<std::size_t> answers_;
  bool has_networks_ = false;
  std::vector<float> network_;  // [answers, outputs], if there are any
  // The same of the linear maps, by recipe.
  std::array<std::vector<float>, kLinearRecipes.size()> linear_;
};

std::string hash_of(std::span<const LabelledText> texts) {
  std::uint64_t hash = base::kHashSeed;
  for (const LabelledText& text : texts) {
    hash = base::hash_bytes(text.text, hash);
    hash = base::hash_bytes(std::string_view("\0", 1), hash);
    hash = base::hash_bytes(text.label, hash);
    hash = base::hash_bytes(std::string_view("\0", 1), hash);
  }
  return base::to_hex(hash);
}

}  // namespace

struct TextClassifier::Parts {
  ClassifierCard card;
  SparseModel weights;
  std::string bytes;  // of the weights' file
  std::shared_ptr<const TextEncoder> encoder;

  // The outputs for a text with its n-grams.
  Result<std::vector<float>> run(std::string_view text,
                                 std::span<const FeatureHash> features) const {
    std::vector<float> vector(card.encoder_dimensions);
    KITH_RETURN_IF_ERROR(encoder->encode(text, vector));
    std::vector<WeighedRow> rows;
    append_rows(weights.features, features, vector, rows);
    std::vector<float> outputs(num_outputs(card));
    weights.run(rows, outputs);
    return outputs;
  }
};

Result<TextClassifier> TextClassifier::train(std::span<const LabelledText> texts,
                                             std::shared_ptr<const TextEncoder> encoder,
                                             const TrainOptions& options) {
  KITH_RETURN_IF_ERROR(check(options));
  ClassifierCard card;
  KITH_ASSIGN_OR_RETURN(card.labels, labels_of(texts));
  card.encoder_hash = encoder->hash();
  card.encoder_dimensions = encoder->dimensions();
  card.members = options.members;
  card.hidden = options.hidden;
  card.seed = options.seed;
  card.data_hash = hash_of(texts);
  card.num_texts = texts.size();
  card.num_out_of_scope = static_cast<std::size_t>(
      std::count_if(texts.begin(), texts.end(), [](const auto& x) { return x.label.empty(); }));
  card.scope_output = card.num_out_of_scope >= kFewestStrangeTexts;
  KITH_ASSIGN_OR_RETURN(const auto encoded, encode_texts(texts, card.labels, *encoder));
  const auto drawn = draw_held_out(encoded, options.held_out, options.seed);
  const Training training(options, card);
  const auto steps = static_cast<double>(drawn.rounds + 1);
  const std::size_t num_networks = texts.size() < options.network_texts ? 0 : options.members;
  Calibration calibration(card);
  for (std::size_t round = 0; round < drawn.rounds; ++round) {
    std::vector<const EncodedText*> kept;
    std::vector<const EncodedText*> held_out;
    for (std::size_t i = 0; i < encoded.size(); ++i) {
      (drawn.round_of[i] == round ? held_out : kept).push_back(&encoded[i]);
    }
    const auto step = static_cast<double>(round);
    calibration.add(
        training.train(kept, kLinearRecipes, num_networks, step / steps, (step + 1.0) / steps),
        held_out);
  }
  const Mixture mixture = calibration.fit(options.false_abstentions, card);
  // What is calibrated is the recipe: the weights that serve have learned from every text.
  std::vector<const EncodedText*> all;
  for (const EncodedText& text : encoded) all.push_back(&text);
  auto parts = std::make_shared<Parts>();
  if (!mixture.has_network()) {
    card.members = 1;
    card.hidden = 0;
  }
  parts->weights = training
                       .train(all, {&mixture.recipe, 1}, mixture.has_network() ? num_networks : 0,
                              1.0 - 1.0 / steps, 1.0)
                       .to_model(0, mixture.linear_share);
  parts->bytes = to_bytes(parts->weights);
  card.version = base::to_hex(base::hash_bytes(parts->bytes));
  parts->card = std::move(card);
  parts->encoder = std::move(encoder);
  return TextClassifier(std::move(parts));
}

Result<TextClassifier> TextClassifier::load(const std::filesystem::path& dir,
                                            std::shared_ptr<const TextEncoder> encoder) {
  auto parts = std::make_shared<Parts>();
  KITH_ASSIGN_OR_RETURN(const std::string card, base::read_file(dir / kClassifierCard, 1U << 24));
  KITH_ASSIGN_OR_RETURN(parts->card, parse_card(card));
  if (parts->card.encoder_hash != encoder->hash() ||
      parts->card.encoder_dimensions != encoder->dimensions()) {
    return Error{ErrorCode::kConflict,
                 "the classifier was calibrated with another text encoder; recalibrate it (kith "
                 "train router): classifier " +
                     parts->card.encoder_hash + ", encoder " + encoder->hash()};
  }
  KITH_ASSIGN_OR_RETURN(parts->bytes, base::read_file(dir / kClassifierWeights));
  if (base::to_hex(base::hash_bytes(parts->bytes)) != parts->card.version) {
    return Error{ErrorCode::kConflict, std::string(kClassifierWeights) + ": is not the file that " +
                                           kClassifierCard + " was written for (version)"};
  }
  auto weights = parse_sparse_model(std::as_bytes(std::span(parts->bytes)),
                                    {.members = parts->card.members,
                                     .extra_inputs = parts->card.encoder_dimensions,
                                     .outputs = num_outputs(parts->card),
                                     .hidden = parts->card.hidden});
  if (!weights) return std::move(weights).error().with_context(kClassifierWeights);
  parts->weights = *std::move(weights);
  parts->encoder = std::move(encoder);
  return TextClassifier(std::move(parts));
}

Status TextClassifier::save(const std::filesystem::path& dir) const {
  KITH_ASSIGN_OR_RETURN(auto out, base::NewDirectory::create(dir, kClassifierCard));
  KITH_RETURN_IF_ERROR(base::write_file_atomically(out.path() / kClassifierWeights, parts_->bytes));
  KITH_RETURN_IF_ERROR(
      base::write_file_atomically(out.path() / kClassifierCard, to_json(parts_->card)));
  return out.commit();
}

Result<std::vector<float>> TextClassifier::logits(std::string_view text) const {
  std::vector<FeatureHash> features;
  append_ngrams(fold_text(text), features);
  KITH_ASSIGN_OR_RETURN(auto outputs, parts_->run(text, features));
  outputs.resize(labels().size());
  return outputs;
}

Result<Prediction> TextClassifier::classify(std::string_view text) const {
  std::vector<FeatureHash> features;
  append_ngrams(fold_text(text), features);
  Prediction prediction;
  KITH_ASSIGN_OR_RETURN(prediction.probabilities, parts_->run(text, features));
  prediction.out_of_scope = strangeness_of(prediction.probabilities, labels().size());
  prediction.probabilities.resize(labels().size());
  prediction.best = greatest_of(prediction.probabilities);
  prediction.abstains = features.empty() || prediction.out_of_scope > parts_->card.threshold;
  to_probabilities(prediction.probabilities, parts_->card.scale);
  return prediction;
}

const std::vector<std::string>& TextClassifier::labels() const { return parts_->card.labels; }
const std::string& TextClassifier::encoder_hash() const { return parts_->card.encoder_hash; }
float TextClassifier::threshold() const { return parts_->card.threshold; }
const ProbabilityScale& TextClassifier::scale() const { return parts_->card.scale; }
const std::string& TextClassifier::version() const { return parts_->card.version; }
const std::map<std::string, double>& TextClassifier::metrics() const {
  return parts_->card.metrics;
}

}  // namespace kith::persona
