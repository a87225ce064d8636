// What was learned about assigning the personas of one catalogue from users whose persona is known:
// how the sources weigh, and what the users of each persona do. Its file is `assignment.json` of a
// data directory (docs/formats/personas.md).
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "kith/base/result.h"
#include "kith/persona/assignment_weights.h"
#include "kith/persona/behaviour_model.h"
#include "kith/persona/catalogue.h"
#include "kith/persona/training_text.h"

namespace kith::persona {

struct AssignmentModel {
  // data_hash_of() of the catalogue and texts that it was fitted with and holds for alone; empty:
  // of no data in particular, as the defaults.
  std::string data_hash;
  AssignmentWeights weights;
  BehaviourCounts behaviour;
  // What fitting measured, by name.
  std::map<std::string, double> figures;
};

std::string data_hash_of(const PersonaCatalogue& catalogue, std::span<const TrainingText> texts);

// Errors: kNotFound; kInvalidArgument naming the file and what is wrong.
Result<AssignmentModel> load_assignment_model(const std::filesystem::path& file);

// Errors: kUnavailable if the file cannot be written.
Status save_assignment_model(const AssignmentModel& model, const std::filesystem::path& file);

}  // namespace kith::persona
