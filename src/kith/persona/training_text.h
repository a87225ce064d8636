// Texts whose writer's persona is known: what words are learned from.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "kith/base/ids.h"
#include "kith/base/result.h"

namespace kith::persona {

struct TrainingText {
  PersonaId persona;
  std::string text;
};

// Reads JSON Lines {"persona":..,"text":..}.
// Errors: kNotFound; kInvalidArgument naming file and line.
Result<std::vector<TrainingText>> load_training_texts(const std::filesystem::path& file);

}  // namespace kith::persona
