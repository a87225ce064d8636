#include "kith/persona/behaviour_block.h"

#include <algorithm>
#include <string>

#include "kith/persona/principal_axes.h"

namespace kith::persona {

Status BehaviourBlock::add(const DiscoveryUser& user) {
  if (user.behaviour.empty()) {
    vectors_.known.push_back(false);
    vectors_.values.resize(vectors_.known.size() * vectors_.dimensions);
    return {};
  }
  if (vectors_.dimensions == 0) {
    vectors_.dimensions = user.behaviour.size();
    vectors_.values.resize(vectors_.known.size() * vectors_.dimensions);
  }
  if (user.behaviour.size() != vectors_.dimensions) {
    return Error{
        ErrorCode::kInvalidArgument,
        "vectors of behaviour must be of one encoder: " + std::to_string(user.behaviour.size()) +
            " numbers after " + std::to_string(vectors_.dimensions)};
  }
  vectors_.known.push_back(true);
  vectors_.values.insert(vectors_.values.end(), user.behaviour.begin(), user.behaviour.end());
  return {};
}

void BehaviourBlock::center(const std::vector<std::size_t>& teachers) {
  const std::size_t width = vectors_.dimensions;
  std::vector<double> mean(width);
  double count = 0.0;
  for (const std::size_t user : teachers) {
    if (!vectors_.known[user]) continue;
    count += 1.0;
    for (std::size_t i = 0; i < width; ++i) {
      mean[i] += static_cast<double>(vectors_.values[user * width + i]);
    }
  }
  for (std::size_t i = 0; i < vectors_.values.size(); ++i) {
    if (vectors_.known[i / width])
      vectors_.values[i] -= static_cast<float>(mean[i % width] / count);
  }
}

MixtureViews BehaviourBlock::finish(const std::vector<std::size_t>& teachers) {
  MixtureViews views;
  const auto knows = [this](std::size_t user) { return vectors_.known[user]; };
  if (std::none_of(teachers.begin(), teachers.end(), knows)) return views;
  center(teachers);
  project_on_principal_axes(teachers, options_.axes, vectors_);
  if (vectors_.dimensions == 0) return views;
  views.push_back(
      std::make_unique<GaussianView>("behaviour", std::move(vectors_), options_.weight));
  return views;
}

}  // namespace kith::persona
