// The two personas that most tests need: a boss, who is a director or a head, and a technician. For
// tests only.
#pragma once

#include <string>

namespace kith::persona {

// Lines of TOML that a test adds to one of them, each ended.
struct TestPersonaLines {
  std::string persona = {};     // members of the persona itself
  std::string attributes = {};  // further rules
  std::string style = {};
  std::string tables = {};  // such as [persona.escalation]
};

inline std::string two_personas(const TestPersonaLines& boss = {},
                                const TestPersonaLines& tech = {}) {
  return R"(
[[persona]]
id = "boss"
name = "Boss"
description = "Decides."
exemplars = ["what is the impact on the board", "who owns the risk"]
)" + boss.persona +
         R"([persona.attributes]
grade = ["director", "head"]
)" + boss.attributes +
         boss.tables + R"([persona.style]
tone = "crisp"
format = "two sentences; no step lists"
)" + boss.style +
         R"([[persona]]
id = "tech"
name = "Technician"
description = "Repairs."
exemplars = ["tablet wont sync", "scanner dead at site"]
)" + tech.persona +
         R"([persona.attributes]
grade = ["technician"]
)" + tech.attributes +
         tech.tables + R"([persona.style]
tone = "plain"
format = "numbered steps"
)" + tech.style;
}

}  // namespace kith::persona
