#include "kith/eval/desk_routing.h"

#include <algorithm>
#include <map>
#include <utility>

#include "kith/base/json.h"
#include "kith/persona/assignment.h"
#include "kith/storage/record_files.h"

namespace kith::eval {
namespace {

namespace fs = std::filesystem;

std::string text_of(const base::Json& record, const char* key) {
  const auto text = base::read_string(record, key);
  return text && *text ? **text : std::string();
}

struct Employee {
  std::string persona;
  bool is_test = false;
  bool may_train = true;
  std::vector<storage::PersonaWeight> posterior;
};

class RoutingReader {
 public:
  explicit RoutingReader(const fs::path& example) : example_(example) {}

  Result<DeskRouting> read() {
    KITH_RETURN_IF_ERROR(read_employees());
    KITH_RETURN_IF_ERROR(read_conversations());
    add_personas();
    KITH_RETURN_IF_ERROR(read_facts());
    KITH_RETURN_IF_ERROR(read_contradicting());
    KITH_RETURN_IF_ERROR(read_two_part());
    KITH_RETURN_IF_ERROR(read_out_of_scope());
    KITH_RETURN_IF_ERROR(read_topics());
    return std::move(data_);
  }

 private:
  Status read_employees() {
    KITH_ASSIGN_OR_RETURN(catalogue_, persona::PersonaCatalogue::load(example_ / "personas.toml"));
    KITH_ASSIGN_OR_RETURN(const auto assigner, persona::Assigner::create(catalogue_));
    KITH_RETURN_IF_ERROR(
        storage::read_records(example_ / "truth.jsonl", [&](const base::Json& line) {
          employees_[text_of(line, "id")] = {.persona = text_of(line, "persona"),
                                             .is_test = text_of(line, "split") == "test",
                                             .may_train = true,
                                             .posterior = {}};
        }));
    KITH_RETURN_IF_ERROR(
        storage::read_records(example_ / "employees.jsonl", [&](const base::Json& line) {
          const auto it = employees_.find(text_of(line, "id"));
          if (it == employees_.end()) return;
          storage::Attributes attributes;
          const auto told = line.value("attributes", base::Json::object());
          for (const auto& [name, value] : told.items()) {
            if (value.is_string()) attributes[name] = value.get<std::string>();
          }
          it->second.posterior =
              persona::given_a_persona(assigner.assign_by_attributes(attributes).weights);
          it->second.may_train = line.value("/consent/learn"_json_pointer, true);
        }));
    for (const auto& [id, employee] : employees_) {
      members_[{employee.persona, employee.is_test}].push_back(&employee);
    }
    return {};
  }

  Status read_conversations() {
    KITH_ASSIGN_OR_RETURN(const auto files, storage::jsonl_files(example_ / "conversations"));
    for (const fs::path& file : files) {
      KITH_RETURN_IF_ERROR(storage::read_records(file, [this](const base::Json& line) {
        const std::string user = text_of(line, "user");
        const auto it = employees_.find(user);
        if (it == employees_.end()) return;
        const Employee& employee = it->second;
        if (!employee.is_test && !employee.may_train) return;
        auto& texts = employee.is_test ? data_.prompts : data_.training.texts;
        for (const auto& turn : line.value("turns", base::Json::array())) {
          if (text_of(turn, "role") != "user") continue;
          texts.push_back(
              {text_of(turn, "text"), PersonaId(employee.persona), user, employee.posterior});
        }
      }));
    }
    return {};
  }

  // What the catalogue says of a persona, in words that no user has written.
  void add_personas() {
    for (const persona::Persona& persona : catalogue_.personas()) {
      const auto add = [&](const std::string& text) {
        data_.training.texts.push_back({text, persona.id, {}, {}});
      };
      for (const std::string& text : persona.exemplars) add(text);
      for (const persona::Need& need : persona.needs) add(need.text);
      add(persona.description);
    }
  }

  Status read_facts() {
    KITH_ASSIGN_OR_RETURN(const auto files, storage::jsonl_files(example_ / "facts"));
    for (const fs::path& file : files) {
      KITH_RETURN_IF_ERROR(storage::read_records(file, [this](const base::Json& line) {
        data_.training.texts.push_back(
            {text_of(line, "question"), PersonaId(text_of(line, "persona")), {}, {}});
      }));
    }
    return {};
  }

  // Employees of a persona take turns as the askers of prompts. Empty if there are none.
  std::vector<storage::PersonaWeight> next_asker(const std::string& persona, bool is_test) {
    const auto& members = members_[{persona, is_test}];
    if (members.empty()) return {};
    return members[num_asked_[{persona, is_test}]++ % members.size()]->posterior;
  }

  Status read_contradicting() {
    return storage::read_records(
        example_ / "routing" / "contradicting.jsonl", [this](const base::Json& line) {
          const bool is_test = text_of(line, "split") == "test";
          auto& prompts = is_test ? data_.contradicting : data_.training.contradicting;
          prompts.push_back({text_of(line, "prompt"), PersonaId(text_of(line, "need_persona")),
                             next_asker(text_of(line, "user_persona"), is_test)});
        });
  }

  Status read_two_part() {
    return storage::read_records(
        example_ / "routing" / "two_part.jsonl", [this](const base::Json& line) {
          const auto parts = line.value("parts", base::Json::array());
          if (parts.size() != 2) return;
          persona::JoinedPrompt prompt{.text = text_of(line, "prompt")};
          prompt.end = text_of(parts[0], "text").size();
          prompt.begin = prompt.end + text_of(line, "separator").size();
          auto& prompts =
              text_of(line, "split") == "test" ? data_.two_part : data_.training.two_part;
          prompts.push_back({std::move(prompt), PersonaId(text_of(parts[0], "persona")),
                             PersonaId(text_of(parts[1], "persona"))});
        });
  }

  Status read_out_of_scope() {
    return storage::read_records(
        example_ / "routing" / "out_of_scope.jsonl", [this](const base::Json& line) {
          auto& texts =
              text_of(line, "split") == "test" ? data_.out_of_scope : data_.training.out_of_scope;
          texts.push_back(text_of(line, "text"));
        });
  }

  // The title, and every paragraph: questions that nobody has asked yet are about these.
  void add_article(const base::Json& article, const std::string& section) {
    data_.topics.push_back({text_of(article, "title"), section});
    const std::string text = text_of(article, "text");
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find("\n\n", begin), text.size());
      if (end > begin) data_.topics.push_back({text.substr(begin, end - begin), section});
      begin = end + 2;
    }
  }

  // A section is a file of the knowledge base; Chinese articles are in one file of all sections.
  Status read_topics() {
    KITH_ASSIGN_OR_RETURN(const auto files, storage::jsonl_files(example_ / "questions"));
    for (const fs::path& file : files) {
      const std::string section = file.stem().string();
      KITH_RETURN_IF_ERROR(storage::read_records(file, [&](const base::Json& line) {
        if (text_of(line, "lang") != "en") return;
        const bool is_test = text_of(line, "split") == "test";
        auto& texts = is_test ? data_.topic_questions : data_.topics;
        texts.push_back({text_of(line, "question"), section});
      }));
      KITH_RETURN_IF_ERROR(storage::read_records(example_ / "knowledge" / file.filename(),
                                                 [&](const base::Json& line) {
                                                   if (section != "zh") add_article(line, section);
                                                 }));
    }
    for (const std::string& text : data_.training.out_of_scope) data_.topics.push_back({text, ""});
    return {};
  }

  using Group = std::pair<std::string, bool>;

  const fs::path& example_;
  persona::PersonaCatalogue catalogue_;
  std::map<std::string, Employee> employees_;
  std::map<Group, std::vector<const Employee*>> members_;
  std::map<Group, std::size_t> num_asked_;
  DeskRouting data_;
};

}  // namespace

Result<DeskRouting> load_desk_routing(const fs::path& example) {
  return RoutingReader(example).read();
}

}  // namespace kith::eval
