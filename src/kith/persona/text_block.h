// What users write about, as a view: the mean vector of their messages, compared with others who
// write the same language, along the axes in which users differ most.
#pragma once

#include "kith/persona/gaussian_view.h"
#include "kith/persona/text_encoder.h"
#include "kith/persona/user_block.h"

namespace kith::persona {

struct TextBlockOptions {
  // Axes that are kept. >= 1.
  std::size_t axes = 8;
  // Of the view, in (0, 1].
  double weight = 1.0;
  // Languages of fewer users are compared with each other.
  std::size_t floor = 10;
};

class TextBlock final : public UserBlock {
 public:
  // The encoder must outlive the block.
  TextBlock(const TextEncoder& encoder, const TextBlockOptions& options)
      : encoder_(encoder), options_(options) {}

  // Errors: those of the encoder.
  Status add(const DiscoveryUser& user) override;
  MixtureViews finish(const std::vector<std::size_t>& teachers) override;

 private:
  const TextEncoder& encoder_;
  TextBlockOptions options_;
  UserVectors vectors_;
  std::vector<std::string> languages_;
};

}  // namespace kith::persona
