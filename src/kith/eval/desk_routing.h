// What trains and what tests the router of the service-desk example: prompts of the training users,
// and the prompts of examples/service-desk/routing, whose development part tunes and whose test
// part is reported.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/persona/router_training.h"

namespace kith::eval {

struct DeskRouting {
  // Messages of the training users who consent to learning, exemplars and needs of the personas,
  // questions of the personas' facts, texts out of scope; development prompts beside them.
  persona::RouterTrainingData training;
  // Of users who never train.
  std::vector<persona::RouterText> prompts;
  std::vector<persona::ContradictingPrompt> contradicting;
  std::vector<persona::TwoPartPrompt> two_part;
  std::vector<std::string> out_of_scope;
  // Questions, titles and paragraphs of the knowledge base by its section, and strange texts
  // without a label; and questions that train nothing.
  std::vector<persona::LabelledText> topics;
  std::vector<persona::LabelledText> topic_questions;
};

// Errors: kNotFound, kInvalidArgument naming file and line.
Result<DeskRouting> load_desk_routing(const std::filesystem::path& example);

}  // namespace kith::eval
