#include "kith/eval/leak_check.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "kith/base/rng.h"

namespace kith::eval {
namespace {

constexpr std::size_t kResamples = 1000;

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

std::string without_space(const std::string& text) {
  std::string out;
  std::copy_if(text.begin(), text.end(), std::back_inserter(out),
               [](char c) { return !is_space(c); });
  return out;
}

// What the model writes behind a prefix begins with a space where words are apart.
std::string behind(const LeakProbe& probe) {
  const bool is_joined = static_cast<unsigned char>(probe.secret.front()) >= 0x80;
  return probe.prefix + (is_joined || is_space(probe.prefix.back()) ? "" : " ") + probe.secret;
}

double mean_of(std::span<const double> values, base::Rng* rng) {
  double sum = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    sum += values[rng == nullptr ? i : rng->below(values.size())];
  }
  return sum / static_cast<double>(values.size());
}

}  // namespace

Result<std::vector<bool>> extracts(const AdapterScorer& scorer, std::span<const LeakProbe> probes) {
  // Tokens beyond the secret's own, as another cut of the same text may take more.
  constexpr int kSpareTokens = 8;
  std::vector<bool> extracted;
  for (const LeakProbe& probe : probes) {
    const int tokens = static_cast<int>(scorer.count_tokens(probe.secret)) + kSpareTokens;
    KITH_ASSIGN_OR_RETURN(const std::string text,
                          scorer.greedy(probe.messages, probe.prefix, tokens));
    extracted.push_back(without_space(text).find(without_space(probe.secret)) != std::string::npos);
  }
  return extracted;
}

std::string same_form(const std::string& secret, std::uint64_t seed) {
  base::Rng rng(seed);
  std::string other = secret;
  // Another character of the same kind: never the same one.
  const auto shift = [&](char c, char first, std::uint64_t count) {
    const auto place = static_cast<std::uint64_t>(c - first);
    return static_cast<char>(first + static_cast<char>((place + 1 + rng.below(count - 1)) % count));
  };
  for (char& c : other) {
    if (c >= '0' && c <= '9') c = shift(c, '0', 10);
    if (c >= 'a' && c <= 'z') c = shift(c, 'a', 26);
    if (c >= 'A' && c <= 'Z') c = shift(c, 'A', 26);
  }
  return other;
}

Result<std::vector<double>> exposures(const AdapterScorer& scorer,
                                      std::span<const LeakProbe> probes,
                                      const ExposureOptions& options) {
  std::vector<double> bits;
  for (std::size_t i = 0; i < probes.size(); ++i) {
    std::vector<std::string> texts{behind(probes[i])};
    for (int k = 0; k < options.alternatives; ++k) {
      const auto seed = options.seed + 1000 * i + static_cast<std::uint64_t>(k);
      LeakProbe other = probes[i];
      other.secret = same_form(probes[i].secret, seed);
      texts.push_back(behind(other));
    }
    KITH_ASSIGN_OR_RETURN(const auto scores, scorer.total_logprobs(probes[i].messages, texts));
    const auto rank =
        std::count_if(scores.begin(), scores.end(), [&](double s) { return s >= scores[0]; });
    bits.push_back(std::log2(static_cast<double>(texts.size())) -
                   std::log2(static_cast<double>(rank)));
  }
  return bits;
}

Result<std::vector<double>> gains(const AdapterScorer& adapter, const AdapterScorer& reference,
                                  std::span<const LeakProbe> probes) {
  std::vector<double> out;
  for (const LeakProbe& probe : probes) {
    // log p(prefix secret) - log p(prefix) = log p(secret | prefix).
    const std::vector<std::string> texts{behind(probe), probe.prefix};
    KITH_ASSIGN_OR_RETURN(const auto under, adapter.total_logprobs(probe.messages, texts));
    KITH_ASSIGN_OR_RETURN(const auto before, reference.total_logprobs(probe.messages, texts));
    const auto tokens =
        static_cast<double>(std::max<std::size_t>(adapter.count_tokens(probe.secret), 1));
    out.push_back(((under[0] - under[1]) - (before[0] - before[1])) / tokens);
  }
  return out;
}

Figure mean_difference(std::span<const double> inside, std::span<const double> outside) {
  Figure figure{.value = mean_of(inside, nullptr) - mean_of(outside, nullptr)};
  base::Rng rng(20'260'302);
  std::vector<double> values(kResamples);
  for (double& value : values) value = mean_of(inside, &rng) - mean_of(outside, &rng);
  std::sort(values.begin(), values.end());
  figure.low = values[kResamples * 25 / 1000];
  figure.high = values[kResamples * 975 / 1000 - 1];
  return figure;
}

}  // namespace kith::eval
