#include "kith/persona/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace kith::persona {
namespace {

using ::testing::HasSubstr;

constexpr const char* kSmall = R"(
[[persona]]
id = "boss"
name = "Boss"
description = "Decides."
priority = "urgent"
exemplars = ["what is the impact"]
[persona.attributes]
grade = ["director", "head"]
[persona.style]
tone = "crisp"
format = "two sentences"
length = "short"
reading_level = 11
)";

std::string message_of(const std::string& toml) {
  const auto catalogue = PersonaCatalogue::from_toml(toml, "p.toml");
  return catalogue ? "no error" : catalogue.error().message;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(CatalogueTest, ReadsAPersonaWithItsDefaults) {
  const auto catalogue = PersonaCatalogue::from_toml(kSmall, "p.toml");
  ASSERT_TRUE(catalogue) << catalogue.error().message;
  const Persona* boss = catalogue->find_persona(PersonaId("boss"));
  ASSERT_NE(boss, nullptr);
  EXPECT_EQ(boss->adapter, AdapterId("boss"));
  EXPECT_EQ(boss->priority, Priority::kUrgent);
  EXPECT_EQ(boss->style.length, AnswerLength::kShort);
  EXPECT_EQ(boss->style.language, "user");
  EXPECT_DOUBLE_EQ(boss->style.reading_level, 11);
  EXPECT_EQ(boss->attributes.at("grade").size(), 2U);
  EXPECT_EQ(catalogue->find_persona(PersonaId("clerk")), nullptr);
}

TEST(CatalogueTest, ReadsTheServiceDesk) {
  const char* root = std::getenv("KITH_SOURCE_DIR");
  if (root == nullptr) GTEST_SKIP() << "KITH_SOURCE_DIR is not set";
  const auto catalogue =
      PersonaCatalogue::load(std::string(root) + "/examples/service-desk/personas.toml");
  ASSERT_TRUE(catalogue) << catalogue.error().message;
  EXPECT_EQ(catalogue->personas().size(), 5U);
}

TEST(CatalogueTest, NamesFileKeyAndWhatIsAllowed) {
  EXPECT_EQ(message_of(replaced(kSmall, "length = \"short\"", "length = \"tiny\"")),
            "p.toml: persona[0].style.length must be one of short, medium, long: tiny");
  EXPECT_EQ(message_of(replaced(kSmall, "= 11", "= 40")),
            "p.toml: persona[0].style.reading_level must be a number in [1, 20]");
  EXPECT_EQ(message_of(replaced(kSmall, "tone =", "tune =")),
            "p.toml: persona[0].style.tune is not known; allowed are tone, reading_level, length, "
            "format, language");
  EXPECT_EQ(message_of(replaced(kSmall, "name = \"Boss\"", "")),
            "p.toml: persona[0].name must be a string");
  EXPECT_THAT(message_of(replaced(kSmall, "[\"director\", \"head\"]", "3")),
              HasSubstr("persona[0].attributes.grade must be a list of strings"));
  EXPECT_THAT(message_of(std::string(kSmall) + kSmall),
              HasSubstr("persona[1].id must be unique: boss"));
  EXPECT_THAT(message_of("[[persona]"), HasSubstr("p.toml:1: "));
  EXPECT_THAT(message_of(""), HasSubstr("list of 1 to 64 tables"));
}

TEST(CatalogueTest, MissingFileIsNotFound) {
  const auto catalogue = PersonaCatalogue::load("/nonexistent/personas.toml");
  ASSERT_FALSE(catalogue);
  EXPECT_EQ(catalogue.error().code, ErrorCode::kNotFound);
}

TEST(CatalogueTest, RefusesRulesOnDeniedAttributes) {
  EXPECT_THAT(message_of(replaced(kSmall, "grade =", "religion =")),
              HasSubstr("persona[0].attributes.religion may not decide on a persona"));
}

TEST(CatalogueTest, DenyListKnowsWordsWithinNames) {
  for (const char* name :
       {"religion", "hr.Religion_code", "healthStatus", "disability", "political_views",
        "sexual-orientation", "sex", "tradeUnion", "union_member", "ethnicity", "Gender", "race",
        "age", "maritalStatus", "nationality", "date_of_birth", "性别", "员工民族"}) {
    EXPECT_TRUE(is_denied_attribute(name)) << name;
  }
  for (const char* name : {"grade", "department", "title", "device", "tenure", "location",
                           "manager", "language", "trace_id", "page", "office", "essex_site", ""}) {
    EXPECT_FALSE(is_denied_attribute(name)) << name;
  }
}

TEST(CatalogueTest, VersionFollowsTheText) {
  const auto one = PersonaCatalogue::from_toml(kSmall, "a");
  const auto same = PersonaCatalogue::from_toml(kSmall, "b");
  const auto other = PersonaCatalogue::from_toml(replaced(kSmall, "crisp", "warm"), "a");
  ASSERT_TRUE(one && same && other);
  EXPECT_EQ(one->version(), same->version());
  EXPECT_NE(one->version(), other->version());
}

}  // namespace
}  // namespace kith::persona
