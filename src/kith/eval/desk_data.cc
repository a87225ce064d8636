#include "kith/eval/desk_data.h"

#include <algorithm>
#include <functional>

#include "kith/base/json.h"
#include "kith/base/rng.h"
#include "kith/persona/catalogue.h"
#include "kith/storage/record_files.h"

namespace kith::eval {
namespace {

namespace fs = std::filesystem;

Status read_folder(const fs::path& dir, const std::function<void(const base::Json&)>& use) {
  KITH_ASSIGN_OR_RETURN(const auto files, storage::jsonl_files(dir));
  for (const fs::path& file : files) KITH_RETURN_IF_ERROR(storage::read_records(file, use));
  return {};
}

std::string text_of(const base::Json& record, const char* key) {
  const auto text = base::read_string(record, key);
  return text && *text ? **text : std::string();
}

// Errors: kInvalidArgument for a fact without options, or whose answer is none of them.
Result<DeskFact> read_fact(const base::Json& line) {
  DeskFact fact{
      text_of(line, "id"), text_of(line, "persona"), text_of(line, "question"), {}, 0, {}};
  for (const auto& option : line.value("options", base::Json::array())) {
    if (option.is_string()) fact.options.push_back(option.get<std::string>());
  }
  for (const auto& peer : line.value("peers", base::Json::array())) {
    if (peer.is_string()) fact.peers.push_back(peer.get<std::string>());
  }
  const auto answer = line.find("answer");
  if (answer != line.end() && answer->is_number_unsigned())
    fact.answer = answer->get<std::size_t>();
  if (answer == line.end() || fact.options.size() < 2 || fact.answer >= fact.options.size()) {
    return Error{ErrorCode::kInvalidArgument,
                 "fact " + fact.id + " needs two options or more, and an answer among them"};
  }
  return fact;
}

}  // namespace

std::vector<const DeskQuestion*> draw_test_questions(const DeskData& data, std::size_t count,
                                                     std::uint64_t seed, const std::string& lang) {
  std::vector<const DeskQuestion*> questions;
  for (const auto& question : data.questions) {
    if (question.is_test && (lang.empty() || question.lang == lang)) questions.push_back(&question);
  }
  base::Rng rng(seed);
  for (std::size_t i = questions.size(); i > 1; --i) {
    std::swap(questions[i - 1], questions[rng.below(i)]);
  }
  questions.resize(std::min(questions.size(), count));
  return questions;
}

Result<DeskData> load_desk(const fs::path& example) {
  DeskData data;
  KITH_ASSIGN_OR_RETURN(const auto catalogue,
                        persona::PersonaCatalogue::load(example / "personas.toml"));
  for (const auto& persona : catalogue.personas()) data.personas.push_back(persona.id.str());

  std::map<std::string, std::pair<std::string, bool>> truth;
  KITH_RETURN_IF_ERROR(storage::read_records(example / "truth.jsonl", [&](const base::Json& line) {
    truth[text_of(line, "id")] = {text_of(line, "persona"), text_of(line, "split") == "test"};
  }));
  KITH_RETURN_IF_ERROR(read_folder(example / "knowledge", [&](const base::Json& line) {
    const std::string id = text_of(line, "id");
    data.articles[id] = {id, text_of(line, "title"), text_of(line, "text"), text_of(line, "lang"),
                         text_of(line, "split") == "test"};
  }));
  KITH_RETURN_IF_ERROR(read_folder(example / "questions", [&](const base::Json& line) {
    data.questions.push_back({text_of(line, "id"), text_of(line, "article"),
                              text_of(line, "question"), text_of(line, "key_fact"),
                              text_of(line, "lang"), text_of(line, "split") == "test"});
  }));
  KITH_RETURN_IF_ERROR(read_folder(example / "conversations", [&](const base::Json& line) {
    DeskConversation conversation;
    conversation.user = text_of(line, "user");
    const auto it = truth.find(conversation.user);
    if (it == truth.end()) return;
    std::tie(conversation.persona, conversation.is_test) = it->second;
    for (const auto& turn : line.value("turns", base::Json::array())) {
      conversation.turns.push_back({text_of(turn, "role"), text_of(turn, "text"), {}});
    }
    data.conversations.push_back(std::move(conversation));
  }));
  if (!fs::exists(example / "facts")) return data;
  Status facts;
  KITH_RETURN_IF_ERROR(read_folder(example / "facts", [&](const base::Json& line) {
    auto fact = read_fact(line);
    if (fact) {
      data.facts.push_back(std::move(*fact));
    } else if (facts) {
      facts = fact.error();
    }
  }));
  KITH_RETURN_IF_ERROR(facts);
  return data;
}

}  // namespace kith::eval
