// The personas of an installation: what defines each, and the style card that shapes its answers.
// Read from a TOML file that people write (docs/formats/personas.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/ids.h"
#include "kith/base/queue_class.h"
#include "kith/base/result.h"

namespace kith::persona {

enum class AnswerLength : std::uint8_t { kShort, kMedium, kLong };

std::string_view to_string(AnswerLength length);

// How answers to a persona should read.
struct StyleCard {
  std::string tone;      // "crisp and formal"
  std::string format;    // "numbered steps of at most twelve words"
  std::string language;  // "user" (the language of the question) or a BCP 47 primary tag
  AnswerLength length = AnswerLength::kMedium;
  // Flesch-Kincaid grade that the persona reads with ease, in [1, 20].
  double reading_level = 9.0;
};

// Something that helps the persona's users.
struct Need {
  std::string text;  // "works offline"
  // Words and phrases by which a section of a document meets it ("offline", "no signal"), compared
  // without regard to case. Empty: nothing is looked for.
  std::vector<std::string> words;
};

// The people who take over where an answer does not do.
struct Escalation {
  std::string name;     // "the field line"
  std::string channel;  // "+44 113 555 0148"
  std::string hours;    // "day and night"; empty: not said

  bool empty() const { return name.empty(); }
};

struct Persona {
  PersonaId id;
  std::string name;
  std::string description;
  // Attribute name to the values that speak for this persona (compared without regard to case).
  std::map<std::string, std::vector<std::string>> attributes;
  // Days after which such a value counts half, as nobody is a new hire for long; 0: never. >= 0.
  double attribute_half_life_days = 0.0;
  // Texts as such a user writes them.
  std::vector<std::string> exemplars;
  std::vector<Need> needs;
  // How soon its users are served.
  base::QueueClass priority = base::QueueClass::kNormal;
  // Groups of readers that its users belong to (`access` of a document); the persona's id unless
  // the file says otherwise.
  std::vector<std::string> knowledge;
  // Empty if the file names nobody.
  Escalation escalation;
  StyleCard style;
  // The adapter that speaks to this persona; the persona's id unless the file names another.
  AdapterId adapter;
};

// At most this many personas in a catalogue.
inline constexpr std::size_t kMaxPersonas = 64;

// Immutable; thread-safe.
class PersonaCatalogue {
 public:
  // No personas: everybody gets plain answers.
  PersonaCatalogue() = default;

  // Errors: kNotFound without the file; kInvalidArgument naming file, line, key and what is
  //   allowed.
  static Result<PersonaCatalogue> load(const std::filesystem::path& file);
  // `name` stands for the file in messages.
  static Result<PersonaCatalogue> from_toml(std::string_view toml, const std::string& name);

  // In the order of the file.
  const std::vector<Persona>& personas() const { return personas_; }
  // The catalogue without one persona; of another version. For measuring what becomes of users whom
  // no persona describes.
  PersonaCatalogue without(const PersonaId& id) const;
  // Null if there is none.
  const Persona* find_persona(const PersonaId& id) const;
  // A hash of the file's text; another version may assign the same user differently.
  const std::string& version() const { return version_; }

 private:
  std::vector<Persona> personas_;
  std::string version_ = "none";
};

// Whether an attribute of this name must never influence an answer: health, religion, politics,
// sexuality, trade union, ethnicity, gender, and the like (the special categories of Article 9 GDPR
// and the grounds of equal-treatment law). Compares the words of the name: "hr.Religion_code" is
// one.
bool is_denied_attribute(std::string_view name);

}  // namespace kith::persona
