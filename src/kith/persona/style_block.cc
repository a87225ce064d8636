#include "kith/persona/style_block.h"

#include <algorithm>

#include "kith/persona/language_groups.h"
#include "kith/persona/writing_style.h"

namespace kith::persona {

Status StyleBlock::add(const DiscoveryUser& user) {
  std::array<float, kStyleFeatures> sum{};
  for (const std::string& message : user.messages) {
    const auto style = measure_style(message);
    for (std::size_t i = 0; i < style.size(); ++i) sum[i] += style[i];
  }
  const float count = static_cast<float>(std::max<std::size_t>(user.messages.size(), 1));
  for (const float value : sum) vectors_.values.push_back(value / count);
  vectors_.known.push_back(!user.messages.empty());
  languages_.push_back(main_language(user.messages));
  return {};
}

MixtureViews StyleBlock::finish(const std::vector<std::size_t>& teachers) {
  MixtureViews views;
  const auto knows = [this](std::size_t user) { return vectors_.known[user]; };
  if (std::none_of(teachers.begin(), teachers.end(), knows)) return views;
  vectors_.dimensions = kStyleFeatures;
  center_by_language(languages_, teachers, floor_, true, vectors_);
  views.push_back(std::make_unique<GaussianView>("writing style", std::move(vectors_), weight_));
  return views;
}

}  // namespace kith::persona
