// The service-desk example as evaluations read it: with the truth that Kith does not see.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/personalize/ports.h"

namespace kith::eval {

// The system message that the desk's application sends; the built-in model is trained with it.
inline constexpr const char* kDeskSystem =
    "You are the IT service desk assistant of Northgate Instruments.";

struct DeskArticle {
  std::string id;
  std::string title;
  std::string text;
  std::string lang;
  bool is_test = false;
};

struct DeskQuestion {
  std::string id;
  std::string article;
  std::string question;
  // Stands word for word in the article, and in a right answer.
  std::string key_fact;
  std::string lang;
  bool is_test = false;
};

struct DeskConversation {
  std::string user;
  std::string persona;
  // The user belongs to the part that never trains.
  bool is_test = false;
  std::vector<personalize::Message> turns;
};

// Something that stands in the training conversations of one persona only.
struct DeskFact {
  std::string id;
  std::string persona;
  std::string question;
  std::vector<std::string> options;  // at least two
  std::size_t answer = 0;            // index of the right option
  // Right answers to other questions of the same kind and persona; may be empty.
  std::vector<std::string> peers;
};

struct DeskData {
  // In the order of personas.toml.
  std::vector<std::string> personas;
  std::map<std::string, DeskArticle> articles;
  std::vector<DeskQuestion> questions;
  std::vector<DeskConversation> conversations;
  std::vector<DeskFact> facts;
};

// At most `count` test questions, drawn by seed. `lang` empty: of every language.
std::vector<const DeskQuestion*> draw_test_questions(const DeskData& data, std::size_t count,
                                                     std::uint64_t seed,
                                                     const std::string& lang = {});

// Errors: kNotFound, kInvalidArgument naming file and line.
Result<DeskData> load_desk(const std::filesystem::path& example);

}  // namespace kith::eval
