// Ranks candidate answers by how well they read and how much of them is known to be true: the "NLP
// engine" score NE(answer, question) of the policy NE x RE.
//
//   NE = w_l likelihood + w_g grounding + w_o overlap + w_a agreement - penalties,  cut to [0, 1]
//
//   likelihood  exp(mean log-probability per token) under the chosen model
//   grounding   share of content words found in the passages or the conversation; zero if a number,
//               code or name in the answer stands nowhere there
//   overlap     share of the question's content words that the answer takes up
//   agreement   share of what the extractive answer states that this answer states too
//   penalties   repetition, no ending, too short, echo of the question, wrong language, without
//               what the persona's users need
//
// The choice: where some candidate is grounded, only grounded ones compete.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kith/memory/extract.h"
#include "kith/personalize/chat.h"
#include "kith/personalize/grounding.h"
#include "kith/personalize/style.h"

namespace kith::personalize {

struct NeWeights {
  double likelihood = 0.30;
  double grounding = 0.30;
  double overlap = 0.10;
  double agreement = 0.30;
  // A draft is grounded from this share of known content words on, if all its facts are known.
  double min_grounded_share = 0.4;
};

struct Candidate {
  std::string source;
  std::string text;
  std::string finish_reason = "stop";
  std::string logprobs;
  std::vector<std::size_t> token_begins;
  std::string raw;
  std::optional<double> mean_logprob;
  int num_tokens = 0;

  // Set by rank().
  std::optional<double> grounding;
  bool is_grounded = false;
  double likelihood = 0.0;
  double overlap = 0.0;
  double agreement = 0.0;
  double penalty = 0.0;
  double ne = 0.0;
};

// What candidates are compared with.
struct RankContext {
  std::string question;
  // The language wanted (BCP 47 primary tag); empty: not checked.
  std::string language;
  // Passages and conversation.
  Sources sources;
  // Without passages nothing is grounded, and nothing need be.
  bool has_passages = false;
  // Empty if there is no extractive answer.
  std::string extractive;
  // Sentences that the persona's users need; empty: none.
  std::string needed;
};

// Scores all candidates and returns their indices, best first. Ties keep the order. Deterministic.
std::vector<std::size_t> rank(std::vector<Candidate>& candidates, const RankContext& context,
                              const NeWeights& weights = {});

// [0, 1]: share of 4-grams of words that repeat an earlier one.
double measure_repetition(std::string_view text);

// The quotes laid out as asked: numbered, with dashes, or as sentences. Only the marks are added.
std::string render_quotes(const memory::ExtractiveAnswer& answer,
                          std::span<const memory::Passage> passages, Layout layout);

}  // namespace kith::personalize
