#include "kith/persona/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace kith::persona {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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
  EXPECT_EQ(boss->priority, base::QueueClass::kUrgent);
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

TEST(CatalogueTest, NamesFileLineKeyAndWhatIsAllowed) {
  EXPECT_EQ(message_of(replaced(kSmall, "length = \"short\"", "length = \"tiny\"")),
            "p.toml:13: persona[0].style.length must be one of short, medium, long: tiny");
  EXPECT_EQ(message_of(replaced(kSmall, "= 11", "= 40")),
            "p.toml:14: persona[0].style.reading_level must be a number in [1, 20]");
  EXPECT_EQ(
      message_of(replaced(kSmall, "tone =", "tune =")),
      "p.toml:11: persona[0].style.tune is not known; allowed are tone, reading_level, length, "
      "format, language");
  EXPECT_EQ(message_of(replaced(kSmall, "name = \"Boss\"", "")),
            "p.toml:2: persona[0].name must be a string");
  EXPECT_THAT(message_of(replaced(kSmall, "[\"director\", \"head\"]", "3")),
              HasSubstr("p.toml:9: persona[0].attributes.grade must be a list of strings"));
  EXPECT_THAT(message_of(std::string(kSmall) + kSmall),
              HasSubstr("p.toml:17: persona[1].id must be unique: boss"));
  EXPECT_THAT(message_of("[[persona]"), HasSubstr("p.toml:1: "));
  EXPECT_THAT(message_of(""), HasSubstr("list of 1 to 64 tables"));
}

TEST(CatalogueTest, ReadsWhatAPersonaIsServedWith) {
  const std::string toml =
      replaced(kSmall, "priority = \"urgent\"",
               "priority = \"high\"\nknowledge = [\"board\", \"payroll\"]\n"
               "needs = [\"short steps\", {text = \"works offline\", words = [\"offline\", \"no "
               "signal\"]}]\n"
               "escalation = {name = \"the desk\", channel = \"extension 9\"}");
  const auto catalogue = PersonaCatalogue::from_toml(toml, "p.toml");
  ASSERT_TRUE(catalogue) << catalogue.error().message;
  const Persona& boss = catalogue->personas().front();
  EXPECT_EQ(boss.priority, base::QueueClass::kHigh);
  EXPECT_THAT(boss.knowledge, ElementsAre("board", "payroll"));
  ASSERT_EQ(boss.needs.size(), 2U);
  EXPECT_EQ(boss.needs[0].text, "short steps");
  EXPECT_THAT(boss.needs[0].words, IsEmpty());
  EXPECT_THAT(boss.needs[1].words, ElementsAre("offline", "no signal"));
  EXPECT_EQ(boss.escalation.channel, "extension 9");
  EXPECT_EQ(boss.escalation.hours, "");
}

TEST(CatalogueTest, APersonaReadsItsOwnDocumentsAndHasNobodyToTakeOver) {
  const auto catalogue = PersonaCatalogue::from_toml(kSmall, "p.toml");
  ASSERT_TRUE(catalogue);
  EXPECT_THAT(catalogue->personas().front().knowledge, ElementsAre("boss"));
  EXPECT_TRUE(catalogue->personas().front().escalation.empty());
  const auto closed = PersonaCatalogue::from_toml(
      replaced(kSmall, "priority = \"urgent\"", "knowledge = []"), "p.toml");
  ASSERT_TRUE(closed);
  EXPECT_THAT(closed->personas().front().knowledge, IsEmpty());
}

TEST(CatalogueTest, NamesTheLineOfAWrongNeedGroupOrEscalation) {
  const auto with = [](const std::string& line) {
    return message_of(replaced(kSmall, "priority = \"urgent\"", line));
  };
  EXPECT_EQ(with("needs = [\"a\", 3]"),
            "p.toml:6: persona[0].needs[1] must be a string, or a table with text and words");
  EXPECT_EQ(with("needs = [{text = \"a\", words = []}]"),
            "p.toml:6: persona[0].needs[0].words must list at least one word, none of them empty");
  EXPECT_EQ(with("priority = \"vip\""),
            "p.toml:6: persona[0].priority must be one of normal, high, urgent: vip");
  EXPECT_EQ(with("escalation = {name = \"desk\"}"),
            "p.toml:6: persona[0].escalation.channel must be a string");
  EXPECT_EQ(with("escalation = {name = \"d\", channel = \"c\", phone = \"9\"}"),
            "p.toml:6: persona[0].escalation.phone is not known; allowed are name, channel, hours");
  EXPECT_THAT(with("knowledge = [\"\"]"), HasSubstr("p.toml:6: persona[0].knowledge must list"));
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
