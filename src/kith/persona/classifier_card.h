// What a prompt classifier's files say beside its weights, and the checks that a card from a
// stranger has to pass (docs/formats/classifier.md).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"
#include "kith/persona/calibration.h"
#include "kith/persona/sparse_network.h"

namespace kith::persona {

inline constexpr const char* kClassifierCard = "card.json";
inline constexpr const char* kClassifierWeights = "classifier.safetensors";
inline constexpr std::int64_t kClassifierSchema = 1;
// Most models of an ensemble, and most elements of an encoder's vector.
inline constexpr std::size_t kMaxMembers = 8;
inline constexpr std::size_t kMaxDimensions = 8192;

struct ClassifierCard {
  // Sorted, unique, not empty, valid UTF-8; 2 to kMaxLabels.
  std::vector<std::string> labels;
  // The weights have an output more than there are labels: how strange a text is.
  bool scope_output = false;
  std::string encoder_hash;
  std::size_t encoder_dimensions = 0;
  ProbabilityScale scale;
  float threshold = 0.0F;
  std::size_t members = 1;
  std::size_t hidden = 0;
  // Fingerprint of the weights' file, and of the texts that trained it.
  std::string version;
  std::string data_hash;
  std::size_t num_texts = 0;
  std::size_t num_out_of_scope = 0;
  std::uint64_t seed = 0;
  std::map<std::string, double> metrics;
};

// Outputs of the weights that a card belongs to.
inline std::size_t num_outputs(const ClassifierCard& card) {
  return card.labels.size() + (card.scope_output ? 1 : 0);
}

// JSON for people and for parse_card().
std::string to_json(const ClassifierCard& card);

// Errors: kInvalidArgument naming the member and what is allowed.
Result<ClassifierCard> parse_card(std::string_view json);

}  // namespace kith::persona
