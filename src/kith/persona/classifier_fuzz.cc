// Feeds any bytes to the readers of a prompt classifier's files: a card up to the first zero byte,
// weights behind it. What they take must classify without leaving its promises. The corpus is
// testdata/classifier.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "kith/base/check.h"
#include "kith/base/fuzz_input.h"
#include "kith/persona/calibration.h"
#include "kith/persona/classifier_card.h"
#include "kith/persona/ngram_features.h"
#include "kith/persona/sparse_model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace persona = kith::persona;

// What any classifier owes for any text, here the card's own bytes.
void classify(const persona::SparseModel& model, const persona::ClassifierCard& card,
              std::string_view text) {
  std::vector<persona::FeatureHash> features;
  persona::append_ngrams(persona::fold_text(text), features);
  std::vector<persona::WeighedRow> rows;
  model.features.weigh(features, rows);
  for (std::size_t i = 0; i < card.encoder_dimensions; ++i) {
    rows.push_back({static_cast<std::uint32_t>(model.features.size() + i), 0.5F});
  }
  std::vector<float> outputs(persona::num_outputs(card));
  model.run(rows, outputs);
  outputs.resize(card.labels.size());
  persona::to_probabilities(outputs, card.scale);
  double sum = 0.0;
  for (const float p : outputs) sum += static_cast<double>(p);
  KITH_CHECK(std::abs(sum - 1.0) < 1e-3, "probabilities sum to one");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  kith::base::FuzzInput input(data, size);
  const std::string_view json = input.take_until('\0');
  const auto card = persona::parse_card(json);
  if (!card) {
    kith::base::check_refusal(card.error());
    return 0;
  }
  KITH_CHECK(card->labels.size() >= 2, "there are labels to choose from");
  const std::string_view weights = input.rest();
  const auto model =
      persona::parse_sparse_model(std::as_bytes(std::span(weights.data(), weights.size())),
                                  {.members = card->members,
                                   .extra_inputs = card->encoder_dimensions,
                                   .outputs = persona::num_outputs(*card),
                                   .hidden = card->hidden});
  if (!model) {
    kith::base::check_refusal(model.error());
    return 0;
  }
  classify(*model, *card, json);
  classify(*model, *card, weights);
  return 0;
}
