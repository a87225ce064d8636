#include "kith/persona/text_block.h"

#include <algorithm>
#include <string_view>

#include "kith/persona/language_groups.h"
#include "kith/persona/principal_axes.h"

namespace kith::persona {

Status TextBlock::add(const DiscoveryUser& user) {
  const std::size_t width = encoder_.dimensions();
  const std::vector<std::string_view> texts(user.messages.begin(), user.messages.end());
  std::vector<float> encoded(texts.size() * width);
  KITH_RETURN_IF_ERROR(encoder_.encode_all(texts, encoded));
  std::vector<float> mean(width);
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    mean[i % width] += encoded[i] / static_cast<float>(texts.size());
  }
  vectors_.values.insert(vectors_.values.end(), mean.begin(), mean.end());
  vectors_.known.push_back(!texts.empty());
  languages_.push_back(main_language(user.messages));
  return {};
}

MixtureViews TextBlock::finish(const std::vector<std::size_t>& teachers) {
  MixtureViews views;
  vectors_.dimensions = encoder_.dimensions();
  const auto knows = [this](std::size_t user) { return vectors_.known[user]; };
  if (vectors_.dimensions == 0 || std::none_of(teachers.begin(), teachers.end(), knows)) {
    return views;
  }
  center_by_language(languages_, teachers, options_.floor, false, vectors_);
  project_on_principal_axes(teachers, options_.axes, vectors_);
  if (vectors_.dimensions == 0) return views;
  views.push_back(std::make_unique<GaussianView>("texts", std::move(vectors_), options_.weight));
  return views;
}

}  // namespace kith::persona
