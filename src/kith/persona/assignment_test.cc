#include "kith/persona/assignment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/test_directory.h"

namespace kith::persona {
namespace {

using storage::Attributes;

constexpr const char* kTwo = R"(
[[persona]]
id = "boss"
name = "Boss"
description = "Decides."
exemplars = ["what is the impact on the board", "who owns the risk"]
[persona.attributes]
grade = ["director", "head"]
[persona.style]
tone = "crisp"
format = "two sentences"
[[persona]]
id = "tech"
name = "Technician"
description = "Repairs."
exemplars = ["tablet wont sync", "scanner dead at site"]
[persona.attributes]
grade = ["technician"]
device = ["scanner"]
[persona.style]
tone = "plain"
format = "numbered steps"
)";

Assigner make_assigner(const std::string& toml = kTwo, const AssignerOptions& options = {}) {
  auto catalogue = PersonaCatalogue::from_toml(toml, "test");
  EXPECT_TRUE(catalogue) << catalogue.error().message;
  auto assigner = Assigner::create(*std::move(catalogue), {}, options);
  EXPECT_TRUE(assigner);
  return *std::move(assigner);
}

double probability(const Assignment& assignment, const char* persona) {
  for (const auto& weight : assignment.weights) {
    if (weight.persona == PersonaId(persona)) return weight.probability;
  }
  return -1;
}

// By hand, noise 0.06, values of grade: director, head, technician and "any other":
// P(director | boss) = 0.94 / 2, P(director | tech) = 0.06 / 3.
TEST(AssignmentTest, FollowsBayesForOneAttribute) {
  const Assigner assigner = make_assigner();
  const Assignment result = assigner.assign({{"grade", "Director"}}, {}, {});
  const double boss = 0.94 / 2;
  const double tech = 0.06 / 3;
  EXPECT_NEAR(probability(result, "boss"), boss / (boss + tech), 1e-9);
  EXPECT_EQ(result.persona, PersonaId("boss"));
  ASSERT_FALSE(result.evidence.empty());
  EXPECT_EQ(result.evidence.front().source, "attribute");
  EXPECT_EQ(result.evidence.front().detail, "grade=Director");
  EXPECT_NEAR(std::abs(result.evidence.front().weight), std::log(boss / tech) / 2, 1e-9);
}

TEST(AssignmentTest, UnknownUserKeepsAFlatPriorAndNoPersona) {
  const Assigner assigner = make_assigner();
  const Assignment result = assigner.assign({{"name", "Ada"}, {"location", "Leeds"}}, {}, {});
  EXPECT_DOUBLE_EQ(probability(result, "boss"), 0.5);
  EXPECT_TRUE(result.persona.empty());
  EXPECT_TRUE(result.evidence.empty());
}

TEST(AssignmentTest, OnePersonaAloneIsNotAssignedWithoutAReason) {
  const std::string one = std::string(kTwo).substr(0, std::string(kTwo).rfind("[[persona]]"));
  const Assigner assigner = make_assigner(one);
  EXPECT_TRUE(assigner.assign({}, {}, {}).persona.empty());
}

TEST(AssignmentTest, ContradictionNeverExcludesAPersona) {
  const Assigner assigner = make_assigner();
  const Assignment result =
      assigner.assign({{"grade", "technician"}, {"title", "Director"}}, {}, {});
  EXPECT_GT(probability(result, "boss"), 0.001);
  EXPECT_GT(probability(result, "tech"), 0.001);
}

TEST(AssignmentTest, TitleCountsByItsHeadWord) {
  const Assigner assigner = make_assigner();
  const Assignment head = assigner.assign({{"title", "Head of Technician Training"}}, {}, {});
  EXPECT_GT(probability(head, "boss"), 0.8);
  const Assignment mate = assigner.assign({{"title", "Director's technician"}}, {}, {});
  EXPECT_GT(probability(mate, "tech"), 0.8);
}

TEST(AssignmentTest, ContextReplacesTheStoredAttribute) {
  const Assigner assigner = make_assigner();
  const Assignment stored = assigner.assign({{"device", "scanner"}}, {}, {});
  const Assignment now = assigner.assign({{"device", "scanner"}}, {{"device", "desk phone"}}, {});
  EXPECT_GT(probability(stored, "tech"), 0.5);
  EXPECT_LT(probability(now, "tech"), 0.5);
  EXPECT_EQ(now.evidence.front().source, "context");
}

TEST(AssignmentTest, DeniedAttributesChangeNothing) {
  const Assigner assigner = make_assigner();
  const Attributes plain = {{"grade", "head"}};
  Attributes loaded = plain;
  loaded["gender"] = "director";
  loaded["hr.religion"] = "technician";
  loaded["health.title"] = "technician";
  const Assignment a = assigner.assign(plain, {}, {});
  const Assignment b = assigner.assign(loaded, {}, {});
  EXPECT_EQ(a.weights, b.weights);
  EXPECT_EQ(a.evidence, b.evidence);
}

TEST(AssignmentTest, WordsMoveThePosteriorAndNameTheirReasons) {
  AssignerOptions options;
  options.word_weight = 1.0;
  options.prior_words = 5.0;
  const Assigner assigner = make_assigner(kTwo, options);
  WordState words;
  for (int i = 0; i < 3; ++i) {
    assigner.observe("scanner dead again, tablet wont sync " + std::to_string(i), words);
  }
  const Assignment result = assigner.assign({}, {}, words);
  EXPECT_EQ(result.persona, PersonaId("tech"));
  ASSERT_FALSE(result.evidence.empty());
  EXPECT_EQ(result.evidence.front().source, "words");
  EXPECT_EQ(result.evidence.front().persona, PersonaId("tech"));
}

TEST(AssignmentTest, AStrangersFirstQuestionsGiveNoPersona) {
  AssignerOptions options;
  options.word_weight = 1.0;
  options.prior_words = 5.0;
  options.min_messages = 2;
  const Assigner assigner = make_assigner(kTwo, options);
  WordState words;
  assigner.observe("scanner dead at site, tablet wont sync", words);
  const Assignment first = assigner.assign({}, {}, words);
  EXPECT_GT(probability(first, "tech"), options.threshold);
  EXPECT_TRUE(first.persona.empty());
  EXPECT_EQ(assigner.assign({{"grade", "technician"}}, {}, words).persona, PersonaId("tech"));
  assigner.observe("scanner dead again", words);
  EXPECT_EQ(assigner.assign({}, {}, words).persona, PersonaId("tech"));
}

TEST(AssignmentTest, TheSameMessageIsLearnedOnce) {
  const Assigner assigner = make_assigner();
  WordState once;
  assigner.observe("tablet wont sync", once);
  WordState twice = once;
  assigner.observe(" tablet wont sync\n", twice);
  EXPECT_EQ(once, twice);
  EXPECT_EQ(twice.num_messages, 1);
}

TEST(AssignmentTest, OneMessageMovesTheOddsByABoundedAmount) {
  AssignerOptions options;
  options.max_message_log_odds = 0.5;
  options.word_weight = 1.0;
  options.prior_words = 5.0;
  const Assigner assigner = make_assigner(kTwo, options);
  WordState words;
  assigner.observe("tablet wont sync scanner dead at site tablet scanner", words);
  for (const auto& [persona, value] : words.log_odds) EXPECT_LE(std::abs(value), 0.5 + 1e-12);
  EXPECT_NEAR(words.log_odds.at(PersonaId("tech")), 0.5, 1e-9);
}

TEST(AssignmentTest, AccessLooksAtAttributesOnly) {
  const Assigner assigner = make_assigner();
  EXPECT_TRUE(assigner.assign_by_attributes({}).persona.empty());
  EXPECT_EQ(assigner.assign_by_attributes({{"grade", "head"}}).persona, PersonaId("boss"));
}

TEST(AssignmentTest, StateSurvivesTheRow) {
  const Assigner assigner = make_assigner();
  WordState words;
  assigner.observe("tablet wont sync", words);
  assigner.observe("who owns the risk", words);
  const Assignment result = assigner.assign({{"grade", "head"}}, {}, words);
  const storage::PersonaAssignment row = assigner.to_row(result, words, 42);
  EXPECT_EQ(row.weights, result.weights);
  EXPECT_EQ(row.at, 42);
  EXPECT_EQ(assigner.from_row(row), words);
}

TEST(AssignmentTest, RowsOfAnotherVersionOrDamagedOnesGiveAnEmptyState) {
  const Assigner assigner = make_assigner();
  WordState words;
  assigner.observe("tablet wont sync", words);
  storage::PersonaAssignment row = assigner.to_row(assigner.assign({}, {}, words), words, 1);
  storage::PersonaAssignment other = row;
  other.model_version = "older";
  EXPECT_EQ(assigner.from_row(other), WordState{});
  for (const char* damaged : {"", "[]", "{}", "{\"words\":3}", "{\"words\":{\"log_odds\":[1]}}",
                              "{\"words\":{\"log_odds\":{\"boss\":\"x\"}}}"}) {
    row.evidence = damaged;
    EXPECT_EQ(assigner.from_row(row), WordState{}) << damaged;
  }
}

TEST(AssignmentTest, OptionsOutsideTheirRangeAreRefused) {
  AssignerOptions options;
  options.noise = 0;
  EXPECT_FALSE(Assigner::create({}, {}, options));
  options = {};
  options.message_decay = 1.5;
  EXPECT_FALSE(Assigner::create({}, {}, options));
}

TEST(AssignmentTest, EmptyCatalogueAssignsNobody) {
  const auto assigner = Assigner::create({});
  ASSERT_TRUE(assigner);
  const Assignment result = assigner->assign({{"grade", "head"}}, {}, {});
  EXPECT_TRUE(result.weights.empty());
  EXPECT_TRUE(result.persona.empty());
}

TEST(AssignmentTest, TrainingTextsTeachTheWordsOfAPersona) {
  auto catalogue = PersonaCatalogue::from_toml(kTwo, "test");
  ASSERT_TRUE(catalogue);
  const std::vector<TrainingText> texts = {{PersonaId("boss"), "budget forecast quarter"},
                                           {PersonaId("boss"), "forecast for the board"},
                                           {PersonaId("nobody"), "forecast forecast"}};
  const auto assigner = Assigner::create(*std::move(catalogue), texts);
  ASSERT_TRUE(assigner);
  EXPECT_NE(assigner->version(), make_assigner().version());
  WordState words;
  assigner->observe("the quarter forecast", words);
  EXPECT_GT(words.log_odds.at(PersonaId("boss")), 0.05);
}

TEST(AssignmentTest, TrainingTextsAreReadWithTheirLineInErrors) {
  const base::TestDirectory directory;
  const auto file = directory.write(
      "texts.jsonl", "{\"persona\":\"boss\",\"text\":\"budget please\"}\n\n{\"persona\":3}\n");
  const auto broken = load_training_texts(file);
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().message, testing::HasSubstr("texts.jsonl:3"));
  directory.write("texts.jsonl", "{\"persona\":\"boss\",\"text\":\"budget please\"}\n");
  const auto texts = load_training_texts(file);
  ASSERT_TRUE(texts);
  ASSERT_EQ(texts->size(), 1U);
  EXPECT_EQ(texts->front().text, "budget please");
}

// The service-desk example: attributes alone, compared with the truth that assignment never sees.
TEST(AssignmentTest, NamesThePersonaOfMostEmployees) {
  const char* root = std::getenv("KITH_SOURCE_DIR");
  if (root == nullptr) GTEST_SKIP() << "KITH_SOURCE_DIR is not set";
  const std::filesystem::path folder = std::string(root) + "/examples/service-desk";
  auto catalogue = PersonaCatalogue::load(folder / "personas.toml");
  ASSERT_TRUE(catalogue) << catalogue.error().message;
  const auto assigner = Assigner::create(*std::move(catalogue));
  ASSERT_TRUE(assigner);
  std::ifstream users(folder / "employees.jsonl");
  std::ifstream truth(folder / "truth.jsonl");
  int num_users = 0;
  int num_right = 0;
  int num_wrong = 0;
  for (std::string user_line, truth_line;
       std::getline(users, user_line) && std::getline(truth, truth_line);) {
    const auto user = base::parse_json(user_line);
    const auto expected = base::parse_json(truth_line);
    ASSERT_TRUE(user && expected);
    ASSERT_EQ((*user)["id"], (*expected)["id"]);
    Attributes attributes;
    for (const auto& [key, value] : (*user)["attributes"].items()) attributes[key] = value;
    const Assignment result = assigner->assign(attributes, {}, {});
    ++num_users;
    if (result.persona.str() == (*expected)["persona"].get<std::string>()) {
      ++num_right;
    } else if (!result.persona.empty()) {
      ++num_wrong;
    }
  }
  ASSERT_EQ(num_users, 300);
  RecordProperty("right", num_right);
  RecordProperty("wrong", num_wrong);
  std::cout << "right " << num_right << ", wrong " << num_wrong << ", none "
            << num_users - num_right - num_wrong << " of " << num_users << "\n";
  EXPECT_GT(num_right, 270);
}

}  // namespace
}  // namespace kith::persona
