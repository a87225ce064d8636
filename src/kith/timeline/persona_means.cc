#include "kith/timeline/persona_means.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace kith::timeline {
namespace {

std::vector<float> divide(const std::vector<double>& sums, double divisor) {
  std::vector<float> values;
  values.reserve(sums.size());
  for (const double sum : sums) values.push_back(static_cast<float>(sum / divisor));
  return values;
}

}  // namespace

void PersonaMeans::add(const storage::EmbeddingRow& row, Sums& sums) {
  sums.latents.resize(row.latents.size());
  sums.vector.resize(row.vector.size());
  for (std::size_t i = 0; i < row.latents.size(); ++i) {
    sums.latents[i] += static_cast<double>(row.latents[i]);
  }
  for (std::size_t i = 0; i < row.vector.size(); ++i) {
    sums.vector[i] += static_cast<double>(row.vector[i]);
  }
  ++sums.count;
}

void PersonaMeans::add(const storage::EmbeddedUser& user) {
  const storage::EmbeddingRow& row = user.embedding;
  const bool fits = all_.count == 0 || (row.latents.size() == all_.latents.size() &&
                                        row.vector.size() == all_.vector.size());
  if (!fits) return;
  num_latents_ = row.num_latents;
  add(row, all_);
  if (!user.persona.empty()) add(row, personas_[user.persona]);
}

std::optional<MeanEmbedding> PersonaMeans::find(const PersonaId& persona) const {
  const auto found = personas_.find(persona);
  const bool is_of_persona = found != personas_.end() && found->second.count >= min_users_;
  const Sums& sums = is_of_persona ? found->second : all_;
  if (sums.count < min_users_) return std::nullopt;
  MeanEmbedding mean;
  mean.latents = divide(sums.latents, static_cast<double>(sums.count));
  mean.num_latents = num_latents_;
  const double square =
      std::inner_product(sums.vector.begin(), sums.vector.end(), sums.vector.begin(), 0.0);
  mean.vector = divide(sums.vector, std::max(std::sqrt(square), 1e-12));
  mean.num_users = sums.count;
  mean.is_of_persona = is_of_persona;
  return mean;
}

}  // namespace kith::timeline
