// The prompt classifier: which of a few hundred labels a text belongs to, with calibrated
// probabilities, and whether to any of them at all.
//
// Method: wide and deep (Cheng et al. 2016) over hashed word and character n-grams (TF-IDF) and an
// encoder's vector: a linear softmax map beside one hidden layer, trained together by Adam on the
// label-smoothed cross-entropy with dropout (network_trainer.h), and mixed with support vector
// machines over the same inputs (linear_trainer.h), which few texts teach better. Probabilities are
// calibrated by a temperature (Guo et al. 2017) and a curvature (calibration.h), and texts out of
// scope recognised by their greatest logit and by a machine of their own; these and the share of
// the machines are fitted to texts that the weights were not trained on. Why this and not another:
// docs/adr/0016-prompt-classifier.md. The files: docs/formats/classifier.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"
#include "kith/persona/calibration.h"
#include "kith/persona/text_encoder.h"

namespace kith::persona {

// A text to learn from. Label empty: a text that belongs to none of the labels.
struct LabelledText {
  std::string text;
  std::string label;
  // Texts that resemble each other beyond their labels, as those of one writer do: small sets hold
  // them out together. Where some texts have a group, those in scope without one (descriptions,
  // examples) are learned from but calibrate nothing. Empty: of no group.
  std::string group = {};
};

// Most labels of a classifier.
inline constexpr std::size_t kMaxLabels = 1024;

struct TrainOptions {
  std::uint64_t seed = 1;
  // Passes over the texts, in [1, 1000]; 0: as many as the number of texts asks for.
  std::size_t epochs = 0;
  // Hidden units, in [0, 4096], a multiple of 16; 0: the linear map alone. Where machines are found
  // to be best alone, the classifier has none whatever stands here.
  std::size_t hidden = 256;
  // Fewer texts than this are left to machines alone, without hidden units: networks by Adam need
  // more.
  std::size_t network_texts = 4000;
  // Models that are trained from seeds of their own and averaged, in [1, 8].
  std::size_t members = 1;
  // Share of every label's texts that are kept from the weights for what is calibrated, in
  // [0.02, 0.5]. Of fewer than 4000 texts each is held out once, in one of four rounds.
  double held_out = 0.1;
  // Share of the held-out texts in scope that may be taken for out of scope, in (0, 1): where the
  // threshold of abstention lies.
  double false_abstentions = 0.05;
  // Called with the share of the work that is done, in [0, 1], by the calling thread.
  std::function<void(double share)> progress;
};

struct Prediction {
  // Calibrated, in the order of TextClassifier::labels(), sum 1: what the label is if the text
  // belongs to one.
  std::vector<float> probabilities;
  // Index of the most probable label.
  std::size_t best = 0;
  // The logit of the texts out of scope, 0 where too few of them were learned from, minus the
  // greatest of the labels: the higher, the less the text resembles those of any label.
  float out_of_scope = 0.0F;
  // out_of_scope is above the classifier's threshold.
  bool abstains = false;
};

// Immutable; thread-safe. Copies share the weights.
class TextClassifier {
 public:
  // Deterministic: the same texts, encoder, options and processor architecture give the same bytes.
  // Errors: kInvalidArgument for options outside their ranges, fewer than two labels, more than
  //   kMaxLabels, or a label with fewer than two texts; those of the encoder.
  static Result<TextClassifier> train(std::span<const LabelledText> texts,
                                      std::shared_ptr<const TextEncoder> encoder,
                                      const TrainOptions& options = {});

  // What save() wrote. The directory is checked like one from a stranger.
  // Errors: kNotFound without the files; kInvalidArgument naming file and what is wrong with it;
  //   kConflict if it was trained with another encoder, which says to recalibrate.
  static Result<TextClassifier> load(const std::filesystem::path& dir,
                                     std::shared_ptr<const TextEncoder> encoder);

  // classifier.safetensors and card.json; the directory appears whole, in the place of an earlier
  // classifier if there is one.
  // Errors: kConflict if something else stands at `dir`; kUnavailable.
  Status save(const std::filesystem::path& dir) const;

  // Never fails for a text, whatever its bytes; empty texts abstain. A text longer than
  // kMaxClassifiedBytes counts by its beginning and its end.
  // Errors: those of the encoder (the built-in one has none).
  Result<Prediction> classify(std::string_view text) const;

  // The logits that classify() makes probabilities of, in the order of labels(). Errors: as there.
  Result<std::vector<float>> logits(std::string_view text) const;

  // Sorted, at least two.
  const std::vector<std::string>& labels() const;
  // That of the encoder that it was trained with.
  const std::string& encoder_hash() const;
  // Of the out-of-scope score: above it the classifier abstains.
  float threshold() const;
  const ProbabilityScale& scale() const;
  // Names the weights: sixteen hexadecimal digits.
  const std::string& version() const;
  // On held-out texts, by name: accuracy, macro_f1, ece, and oos_auroc where texts without a label
  // were among those trained on; linear_share and linear_cost, which were chosen on them.
  const std::map<std::string, double>& metrics() const;

 private:
  struct Parts;
  explicit TextClassifier(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}

  std::shared_ptr<const Parts> parts_;
};

}  // namespace kith::persona
