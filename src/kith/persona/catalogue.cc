#include "kith/persona/catalogue.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <set>

#define TOML_EXCEPTIONS 0
#include "kith/base/file.h"
#include "kith/base/toml.h"
#include "kith/persona/assignment_state.h"
#include "kith/persona/denied_words.h"
#include "kith/storage/digest.h"
#include "kith/storage/scope.h"

namespace kith::persona {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{4} << 20;
constexpr std::size_t kMaxTextBytes = 4096;

Error invalid(const std::string& message) { return Error{ErrorCode::kInvalidArgument, message}; }

std::string join(std::initializer_list<std::string_view> names) {
  std::string out;
  for (const std::string_view name : names) {
    if (!out.empty()) out += ", ";
    out += name;
  }
  return out;
}

// Where a table stands, for messages.
struct Place {
  std::string file;
  std::string path;  // "persona[0].style"
  std::uint32_t line = 0;

  Place of(std::string_view key, const toml::node& node) const {
    const std::uint32_t own = node.source().begin.line;
    return {file, path + "." + std::string(key), own == 0 ? line : own};
  }
  Error fail(const std::string& what) const {
    return invalid(file + ":" + std::to_string(line) + ": " + path + " " + what);
  }
};

// Reads the members of one table.
class TableReader {
 public:
  TableReader(const toml::table& table, Place place) : table_(table), place_(std::move(place)) {}

  Status allow_only(std::initializer_list<std::string_view> keys) const {
    for (const auto& [key, node] : table_) {
      if (std::find(keys.begin(), keys.end(), key.str()) == keys.end()) {
        return fail(key.str(), "is not known; allowed are " + join(keys));
      }
    }
    return {};
  }

  Result<std::string> string(std::string_view key, const char* fallback = nullptr) const {
    const toml::node* node = table_.get(key);
    if (node == nullptr && fallback != nullptr) return std::string(fallback);
    if (node == nullptr || !node->is_string()) return fail(key, "must be a string");
    const std::string& value = node->as_string()->get();
    if (value.empty() || value.size() > kMaxTextBytes) {
      return fail(key, "must have between 1 and 4096 bytes");
    }
    return value;
  }

  Result<std::vector<std::string>> strings(std::string_view key) const {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return std::vector<std::string>{};
    const toml::array* array = node->as_array();
    if (array == nullptr) return fail(key, "must be a list of strings");
    std::vector<std::string> values;
    for (const toml::node& item : *array) {
      if (!item.is_string() || item.as_string()->get().size() > kMaxTextBytes) {
        return fail(key, "must be a list of strings of at most 4096 bytes");
      }
      values.push_back(item.as_string()->get());
    }
    return values;
  }

  Result<double> number(std::string_view key, double low, double high, double fallback) const {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return fallback;
    const auto value = node->value<double>();
    if (!value || !std::isfinite(*value) || *value < low || *value > high) {
      return fail(key, "must be a number in [" + std::to_string(static_cast<int>(low)) + ", " +
                           std::to_string(static_cast<int>(high)) + "]");
    }
    return *value;
  }

  // The index of the value among `allowed`.
  Result<std::size_t> choice(std::string_view key, std::initializer_list<std::string_view> allowed,
                             std::size_t fallback) const {
    if (table_.get(key) == nullptr) return fallback;
    KITH_ASSIGN_OR_RETURN(const std::string value, string(key));
    const auto it = std::find(allowed.begin(), allowed.end(), value);
    if (it == allowed.end()) return fail(key, "must be one of " + join(allowed) + ": " + value);
    return static_cast<std::size_t>(it - allowed.begin());
  }

  // Null if absent.
  Result<const toml::table*> table(std::string_view key) const {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return static_cast<const toml::table*>(nullptr);
    if (!node->is_table()) return fail(key, "must be a table");
    return node->as_table();
  }

  Place place_of(std::string_view key) const {
    const toml::node* node = table_.get(key);
    return place_.of(key, node == nullptr ? table_ : *node);
  }
  Error fail(std::string_view key, const std::string& what) const {
    return place_of(key).fail(what);
  }

 private:
  const toml::table& table_;
  Place place_;
};

Result<StyleCard> read_style(const toml::table* table, const Place& place) {
  StyleCard style;
  if (table == nullptr) return place.fail("is missing");
  const TableReader reader(*table, place);
  KITH_RETURN_IF_ERROR(
      reader.allow_only({"tone", "reading_level", "length", "format", "language"}));
  KITH_ASSIGN_OR_RETURN(style.tone, reader.string("tone"));
  KITH_ASSIGN_OR_RETURN(style.format, reader.string("format"));
  KITH_ASSIGN_OR_RETURN(style.language, reader.string("language", "user"));
  KITH_ASSIGN_OR_RETURN(style.reading_level, reader.number("reading_level", 1, 20, 9));
  KITH_ASSIGN_OR_RETURN(const auto length, reader.choice("length", {"short", "medium", "long"}, 1));
  style.length = static_cast<AnswerLength>(length);
  return style;
}

Result<std::map<std::string, std::vector<std::string>>> read_attributes(const toml::table* table,
                                                                        const Place& place) {
  std::map<std::string, std::vector<std::string>> attributes;
  if (table == nullptr) return attributes;
  const TableReader reader(*table, place);
  for (const auto& [key, node] : *table) {
    const std::string name(key.str());
    if (is_denied_attribute(name)) {
      return reader.fail(name, "may not decide on a persona: it is on the deny list");
    }
    KITH_ASSIGN_OR_RETURN(auto values, reader.strings(name));
    if (values.empty()) return reader.fail(name, "must list at least one value");
    if (std::any_of(values.begin(), values.end(), holds_denied_word)) {
      return reader.fail(name, "may not decide on a persona: a value is on the deny list");
    }
    attributes[name] = std::move(values);
  }
  return attributes;
}

// A text, or a table with the words by which sections of documents meet the need.
Result<Need> read_need(const toml::node& node, const Place& place) {
  Need need;
  if (const auto* text = node.as_string()) {
    need.text = text->get();
    if (need.text.empty() || need.text.size() > kMaxTextBytes) {
      return place.fail("must have between 1 and 4096 bytes");
    }
    return need;
  }
  const toml::table* table = node.as_table();
  if (table == nullptr) return place.fail("must be a string, or a table with text and words");
  const TableReader reader(*table, place);
  KITH_RETURN_IF_ERROR(reader.allow_only({"text", "words"}));
  KITH_ASSIGN_OR_RETURN(need.text, reader.string("text"));
  KITH_ASSIGN_OR_RETURN(need.words, reader.strings("words"));
  const auto is_empty = [](const std::string& word) { return word.empty(); };
  if (need.words.empty() || std::any_of(need.words.begin(), need.words.end(), is_empty)) {
    return reader.fail("words", "must list at least one word, none of them empty");
  }
  return need;
}

Result<std::vector<Need>> read_needs(const toml::node* node, const Place& place) {
  std::vector<Need> needs;
  if (node == nullptr) return needs;
  const toml::array* array = node->as_array();
  if (array == nullptr) return place.fail("must be a list of strings and tables");
  for (const toml::node& item : *array) {
    Place own = place;
    own.path += "[" + std::to_string(needs.size()) + "]";
    own.line = item.source().begin.line;
    KITH_ASSIGN_OR_RETURN(Need need, read_need(item, own));
    needs.push_back(std::move(need));
  }
  return needs;
}

Result<Escalation> read_escalation(const toml::table* table, const Place& place) {
  Escalation escalation;
  if (table == nullptr) return escalation;
  const TableReader reader(*table, place);
  KITH_RETURN_IF_ERROR(reader.allow_only({"name", "channel", "hours"}));
  KITH_ASSIGN_OR_RETURN(escalation.name, reader.string("name"));
  KITH_ASSIGN_OR_RETURN(escalation.channel, reader.string("channel"));
  if (table->contains("hours")) {
    KITH_ASSIGN_OR_RETURN(escalation.hours, reader.string("hours"));
  }
  return escalation;
}

Result<std::vector<std::string>> read_knowledge(const TableReader& reader, bool is_given,
                                                const PersonaId& id) {
  if (!is_given) return std::vector<std::string>{id.str()};
  KITH_ASSIGN_OR_RETURN(auto groups, reader.strings("knowledge"));
  for (const std::string& group : groups) {
    if (Status checked = storage::check_row_id(group, "a group"); !checked) {
      return reader.fail("knowledge", "must list groups of readers: " + checked.error().message);
    }
  }
  return groups;
}

// Whom it serves, how soon, and with what.
Status read_service(const toml::table& table, const TableReader& reader, Persona& persona) {
  KITH_ASSIGN_OR_RETURN(persona.needs, read_needs(table.get("needs"), reader.place_of("needs")));
  KITH_ASSIGN_OR_RETURN(const auto priority,
                        reader.choice("priority", {"normal", "high", "urgent"}, 0));
  persona.priority = static_cast<base::QueueClass>(priority);
  KITH_ASSIGN_OR_RETURN(persona.knowledge,
                        read_knowledge(reader, table.contains("knowledge"), persona.id));
  KITH_ASSIGN_OR_RETURN(const auto* escalation, reader.table("escalation"));
  KITH_ASSIGN_OR_RETURN(persona.escalation,
                        read_escalation(escalation, reader.place_of("escalation")));
  return {};
}

Result<Persona> read_persona(const toml::table& table, const Place& place) {
  const TableReader reader(table, place);
  KITH_RETURN_IF_ERROR(reader.allow_only({"id", "name", "description", "attributes", "exemplars",
                                          "needs", "priority", "knowledge", "escalation", "style",
                                          "adapter", "attribute_half_life_days"}));
  Persona persona;
  KITH_ASSIGN_OR_RETURN(const std::string id, reader.string("id"));
  if (Status checked = storage::check_row_id(id, "it"); !checked) {
    return reader.fail("id", "cannot be used: " + checked.error().message);
  }
  if (id == kNoPersona) return reader.fail("id", "must not be \"none\": it stands for no persona");
  persona.id = PersonaId(id);
  KITH_ASSIGN_OR_RETURN(persona.name, reader.string("name"));
  KITH_ASSIGN_OR_RETURN(persona.description, reader.string("description"));
  KITH_ASSIGN_OR_RETURN(const std::string adapter, reader.string("adapter", id.c_str()));
  persona.adapter = AdapterId(adapter);
  KITH_ASSIGN_OR_RETURN(persona.exemplars, reader.strings("exemplars"));
  KITH_RETURN_IF_ERROR(read_service(table, reader, persona));
  KITH_ASSIGN_OR_RETURN(const auto* attributes, reader.table("attributes"));
  KITH_ASSIGN_OR_RETURN(persona.attributes,
                        read_attributes(attributes, reader.place_of("attributes")));
  KITH_ASSIGN_OR_RETURN(persona.attribute_half_life_days,
                        reader.number("attribute_half_life_days", 0, 36'500, 0));
  KITH_ASSIGN_OR_RETURN(const auto* style, reader.table("style"));
  KITH_ASSIGN_OR_RETURN(persona.style, read_style(style, reader.place_of("style")));
  return persona;
}

Result<std::vector<Persona>> read_personas(const toml::table& root, const std::string& file) {
  std::vector<Persona> personas;
  for (const auto& [key, node] : root) {
    if (key.str() != "persona") {
      return Place{file, std::string(key.str()), node.source().begin.line}.fail(
          "is not known; allowed are persona");
    }
  }
  const toml::node* node = root.get("persona");
  const toml::array* array = node == nullptr ? nullptr : node->as_array();
  if (array == nullptr || array->empty() || array->size() > kMaxPersonas) {
    return invalid(file + ": persona must be a list of 1 to 64 tables ([[persona]])");
  }
  std::set<std::string> ids;
  for (std::size_t i = 0; i < array->size(); ++i) {
    const Place place{file, "persona[" + std::to_string(i) + "]",
                      array->get(i)->source().begin.line};
    const toml::table* table = array->get(i)->as_table();
    if (table == nullptr) return place.fail("must be a table");
    KITH_ASSIGN_OR_RETURN(auto persona, read_persona(*table, place));
    if (!ids.insert(persona.id.str()).second) {
      return place.of("id", *table->get("id")).fail("must be unique: " + persona.id.str());
    }
    personas.push_back(std::move(persona));
  }
  return personas;
}

}  // namespace

std::string_view to_string(AnswerLength length) {
  constexpr std::array<std::string_view, 3> kNames = {"short", "medium", "long"};
  return kNames[static_cast<std::size_t>(length)];
}

Result<PersonaCatalogue> PersonaCatalogue::load(const std::filesystem::path& file) {
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(file, kMaxFileBytes));
  return from_toml(text, file.string());
}

Result<PersonaCatalogue> PersonaCatalogue::from_toml(std::string_view toml,
                                                     const std::string& name) {
  const toml::parse_result parsed = toml::parse(toml);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return invalid(name + ":" + std::to_string(error.source().begin.line) + ": " +
                   std::string(error.description()));
  }
  PersonaCatalogue catalogue;
  KITH_ASSIGN_OR_RETURN(catalogue.personas_, read_personas(parsed.table(), name));
  catalogue.version_ = storage::digest({toml});
  return catalogue;
}

PersonaCatalogue PersonaCatalogue::without(const PersonaId& id) const {
  PersonaCatalogue rest = *this;
  std::erase_if(rest.personas_, [&id](const Persona& persona) { return persona.id == id; });
  rest.version_ = storage::digest({version_, id.str()});
  return rest;
}

const Persona* PersonaCatalogue::find_persona(const PersonaId& id) const {
  const auto it = std::find_if(personas_.begin(), personas_.end(),
                               [&id](const Persona& persona) { return persona.id == id; });
  return it == personas_.end() ? nullptr : &*it;
}

}  // namespace kith::persona
