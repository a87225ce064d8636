#include "kith/persona/border_training.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "kith/base/rng.h"

namespace kith::persona {
namespace {

constexpr int kSteps = 1500;

constexpr std::array<std::string_view, 6> kLineJoins = {"\n",   "\n",       "\n\n",
                                                        "\n\n", "\nAlso, ", "\nand "};
constexpr std::array<std::string_view, 12> kSentenceJoins = {
    " ",     " ",      " ",          " ",     " Also, ",           " By the way, ",
    " And ", " Then ", " Besides, ", " Now ", " One more thing: ", " Oh, and "};
constexpr std::array<std::string_view, 14> kClauseJoins = {
    ", and ",  ", and ",  ", and ",     ", and ",        ", and also ",
    "; also ", ", plus ", ", also ",    ", and then ",   "; separately, ",
    ", but ",  "; and ",  " and also ", "; by the way, "};

bool is_final_mark(char c) { return c == '.' || c == '!' || c == '?' || c == ' ' || c == ','; }

std::string without_final_marks(std::string_view text) {
  while (!text.empty() && is_final_mark(text.back())) text.remove_suffix(1);
  return std::string(text);
}

// A word that is written with a capital letter anywhere keeps it: "I", "VPN".
std::string with_small_letter(std::string_view text) {
  std::string out(text);
  const bool is_upper = !out.empty() && out[0] >= 'A' && out[0] <= 'Z';
  const bool is_word = out.size() > 1 && out[1] >= 'a' && out[1] <= 'z';
  if (is_upper && is_word) out[0] = static_cast<char>(out[0] - 'A' + 'a');
  return out;
}

template <std::size_t N>
std::string_view draw_of(const std::array<std::string_view, N>& joins, base::Rng& rng) {
  return joins[rng.below(N)];
}

struct Objective {
  double log_likelihood = 0.0;
  BorderFeatures gradient{};
};

void add_example(const BorderExample& example, const BorderFeatures& weights,
                 Objective& objective) {
  std::vector<double> scores;
  double greatest = 0.0;  // "no border" has the score 0
  for (const BorderFeatures& border : example.borders) {
    scores.push_back(dot(weights, border));
    greatest = std::max(greatest, scores.back());
  }
  double total = std::exp(-greatest);
  for (const double score : scores) total += std::exp(score - greatest);
  const double true_score = example.truth ? scores[*example.truth] : 0.0;
  objective.log_likelihood += true_score - greatest - std::log(total);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const double expected = std::exp(scores[i] - greatest) / total;
    const double residual = (example.truth == i ? 1.0 : 0.0) - expected;
    for (std::size_t k = 0; k < kNumBorderFeatures; ++k) {
      objective.gradient[k] += residual * example.borders[i][k];
    }
  }
}

Objective evaluate(std::span<const BorderExample> examples, const BorderFeatures& weights,
                   double penalty) {
  Objective objective;
  std::size_t count = 0;
  for (const BorderExample& example : examples) {
    if (example.borders.empty()) continue;
    add_example(example, weights, objective);
    ++count;
  }
  if (count == 0) return objective;
  objective.log_likelihood /= static_cast<double>(count);
  for (std::size_t k = 0; k < kNumBorderFeatures; ++k) {
    objective.gradient[k] =
        objective.gradient[k] / static_cast<double>(count) - penalty * weights[k];
  }
  return objective;
}

}  // namespace

JoinedPrompt join_prompts(std::string_view first, std::string_view second, std::uint64_t draw) {
  base::Rng rng(draw);
  const std::uint64_t kind = rng.below(3);
  const bool is_clause = kind == 2;
  const std::string_view join = kind == 0   ? draw_of(kLineJoins, rng)
                                : kind == 1 ? draw_of(kSentenceJoins, rng)
                                            : draw_of(kClauseJoins, rng);
  const bool is_linked = join.find_first_not_of(" \n") != std::string_view::npos;
  JoinedPrompt joined;
  joined.text = is_clause ? without_final_marks(first) : std::string(first);
  joined.end = joined.text.size();
  joined.text += join;
  joined.begin = joined.text.size();
  joined.text += is_linked ? with_small_letter(second) : std::string(second);
  return joined;
}

bool is_seam(const PromptBorder& border, const JoinedPrompt& joined) {
  return border.end <= joined.begin && border.begin >= joined.end && border.end + 1 >= joined.end;
}

BorderFit fit_borders(std::span<const BorderExample> examples, double penalty) {
  // Features lie in [-1, 1], few of them at once: the curvature is below this.
  constexpr double kRate = 0.25;
  BorderFit fit;
  BorderFeatures ahead{};
  for (int step = 0; step < kSteps; ++step) {
    const Objective objective = evaluate(examples, ahead, penalty);
    const double momentum = step / (step + 3.0);
    for (std::size_t k = 0; k < kNumBorderFeatures; ++k) {
      const double next = ahead[k] + kRate * objective.gradient[k];
      ahead[k] = next + momentum * (next - fit.weights[k]);
      fit.weights[k] = next;
    }
  }
  fit.log_likelihood = evaluate(examples, fit.weights, 0.0).log_likelihood;
  return fit;
}

}  // namespace kith::persona
