#include "kith/persona/assignment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/test_directory.h"
#include "kith/persona/test_personas.h"

namespace kith::persona {
namespace {

using storage::Attributes;

constexpr base::UnixMicros kNow = 1'750'000'000'000'000;

const std::string kTwo = two_personas({}, {.attributes = "device = [\"scanner\"]\n"});

Assigner make_assigner(const std::string& toml = kTwo, const AssignerOptions& options = {}) {
  auto catalogue = PersonaCatalogue::from_toml(toml, "test");
  EXPECT_TRUE(catalogue) << catalogue.error().message;
  auto assigner = Assigner::create(*std::move(catalogue), {}, options);
  EXPECT_TRUE(assigner);
  return *std::move(assigner);
}

UserFacts facts(const Attributes& attributes, const Attributes& context = {}) {
  return {.attributes = attributes, .recorded_at = {}, .context = context, .now = kNow};
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
  const Assignment result = assigner.assign(facts({{"grade", "Director"}}), {});
  const double boss = 0.94 / 2;
  const double tech = 0.06 / 3;
  EXPECT_NEAR(probability(result, "boss") / probability(result, "tech"), boss / tech, 1e-6);
  EXPECT_NEAR(probability(result, "boss") + probability(result, "tech") + result.abstain, 1, 1e-12);
  EXPECT_EQ(result.persona, PersonaId("boss"));
  ASSERT_FALSE(result.evidence.empty());
  EXPECT_EQ(result.evidence.front().source, "attribute");
  EXPECT_EQ(result.evidence.front().detail, "grade=Director");
  EXPECT_NEAR(std::abs(result.evidence.front().weight), std::log(boss / tech) / 2, 1e-9);
}

TEST(AssignmentTest, OfAnUnknownUserTheRestIsFlatAndNoPersonaIsGiven) {
  const Assigner assigner = make_assigner();
  const Assignment result = assigner.assign(facts({{"name", "Ada"}, {"location", "Leeds"}}), {});
  EXPECT_NEAR(result.abstain, 0.95, 1e-9);
  EXPECT_NEAR(probability(result, "boss"), 0.025, 1e-9);
  EXPECT_TRUE(result.persona.empty());
  EXPECT_TRUE(result.evidence.empty());
}

TEST(AssignmentTest, OnePersonaAloneIsNotAssignedWithoutAReason) {
  const std::string one = kTwo.substr(0, kTwo.rfind("[[persona]]"));
  const Assigner assigner = make_assigner(one);
  EXPECT_TRUE(assigner.assign(facts({}), {}).persona.empty());
  EXPECT_EQ(assigner.assign(facts({{"grade", "head"}}), {}).persona, PersonaId("boss"));
  EXPECT_TRUE(assigner.assign(facts({{"grade", "gardener"}}), {}).persona.empty());
}

// Nobody lists this grade and this device: whoever has them is neither.
TEST(AssignmentTest, WhoeverIsUnlikeAllPersonasIsNone) {
  const Assigner assigner = make_assigner();
  const Assignment result = assigner.assign(facts({{"grade", "gardener"}, {"device", "rake"}}), {});
  EXPECT_GT(result.abstain, 0.6);
  EXPECT_TRUE(result.persona.empty());
  const auto reason =
      std::find_if(result.evidence.begin(), result.evidence.end(),
                   [](const Evidence& item) { return item.persona == PersonaId(kNoPersona); });
  ASSERT_NE(reason, result.evidence.end());
  EXPECT_GT(reason->weight, 0);
  EXPECT_THAT(reason->detail, testing::HasSubstr("is none of those listed"));
}

TEST(AssignmentTest, AValueOfATemporaryPersonaFades) {
  const std::string toml = kTwo + R"(
[[persona]]
id = "new"
name = "New"
description = "Learns."
attribute_half_life_days = 60
[persona.attributes]
grade = ["graduate"]
[persona.style]
tone = "warm"
format = "one step"
)";
  const Assigner assigner = make_assigner(toml);
  constexpr base::UnixMicros kDay = 86'400'000'000;
  const auto after = [&](const char* grade, int days) {
    const UserFacts known{.attributes = {{"grade", grade}},
                          .recorded_at = {{"grade", 0}},
                          .context = {},
                          .now = days * kDay};
    return assigner.assign(known, {});
  };
  EXPECT_GT(probability(after("graduate", 0), "new"), 0.8);
  EXPECT_LT(probability(after("graduate", 240), "new"), 0.4);
  EXPECT_NEAR(after("graduate", 60).evidence.front().weight,
              after("graduate", 0).evidence.front().weight / 2, 1e-9);
  EXPECT_EQ(after("head", 240).weights, after("head", 0).weights);
}

TEST(AssignmentTest, ContradictionNeverExcludesAPersona) {
  const Assigner assigner = make_assigner();
  const Assignment result =
      assigner.assign(facts({{"grade", "technician"}, {"title", "Director"}}), {});
  EXPECT_GT(probability(result, "boss"), 0.001);
  EXPECT_GT(probability(result, "tech"), 0.001);
}

TEST(AssignmentTest, TitleCountsByItsHeadWord) {
  const Assigner assigner = make_assigner();
  const Assignment head = assigner.assign(facts({{"title", "Head of Technician Training"}}), {});
  EXPECT_EQ(head.persona, PersonaId("boss"));
  EXPECT_GT(probability(head, "boss"), 5 * probability(head, "tech"));
  const Assignment mate = assigner.assign(facts({{"title", "Director's technician"}}), {});
  EXPECT_EQ(mate.persona, PersonaId("tech"));
  EXPECT_GT(probability(mate, "tech"), 5 * probability(mate, "boss"));
}

TEST(AssignmentTest, ContextReplacesTheStoredAttribute) {
  const Assigner assigner = make_assigner();
  const Assignment stored = assigner.assign(facts({{"device", "scanner"}}), {});
  const Assignment now =
      assigner.assign(facts({{"device", "scanner"}}, {{"device", "desk phone"}}), {});
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
  const Assignment a = assigner.assign(facts(plain), {});
  const Assignment b = assigner.assign(facts(loaded), {});
  EXPECT_EQ(a.weights, b.weights);
  EXPECT_EQ(a.evidence, b.evidence);
}

TEST(AssignmentTest, WordsMoveThePosteriorAndNameTheirReasons) {
  AssignerOptions options;
  options.word_weight = 1.0;
  options.prior_words = 5.0;
  const Assigner assigner = make_assigner(kTwo, options);
  AssignmentState state;
  for (int i = 0; i < 3; ++i) {
    assigner.observe("scanner dead again, tablet wont sync " + std::to_string(i), kNow, state);
  }
  const Assignment result = assigner.assign(facts({}), state);
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
  AssignmentState state;
  assigner.observe("scanner dead at site, tablet wont sync", kNow, state);
  const Assignment first = assigner.assign(facts({}), state);
  EXPECT_GT(probability(first, "tech"), options.threshold);
  EXPECT_TRUE(first.persona.empty());
  EXPECT_EQ(assigner.assign(facts({{"grade", "technician"}}), state).persona, PersonaId("tech"));
  assigner.observe("scanner dead again", kNow, state);
  EXPECT_EQ(assigner.assign(facts({}), state).persona, PersonaId("tech"));
}

TEST(AssignmentTest, TheSameMessageIsLearnedOnce) {
  const Assigner assigner = make_assigner();
  AssignmentState once;
  assigner.observe("tablet wont sync", kNow, once);
  AssignmentState twice = once;
  assigner.observe(" tablet wont sync\n", kNow, twice);
  EXPECT_EQ(once, twice);
  EXPECT_EQ(twice.words.num_messages, 1);
}

TEST(AssignmentTest, OneMessageMovesTheOddsByABoundedAmount) {
  AssignerOptions options;
  options.max_message_log_odds = 0.5;
  options.word_weight = 1.0;
  options.prior_words = 5.0;
  const Assigner assigner = make_assigner(kTwo, options);
  AssignmentState state;
  assigner.observe("tablet wont sync scanner dead at site tablet scanner", kNow, state);
  for (const auto& [persona, value] : state.words.log_odds) EXPECT_LE(std::abs(value), 0.5 + 1e-12);
  EXPECT_NEAR(state.words.log_odds.at(PersonaId("tech")), 0.5, 1e-9);
}

TEST(AssignmentTest, AccessLooksAtAttributesOnly) {
  const Assigner assigner = make_assigner();
  EXPECT_TRUE(assigner.assign_by_attributes({}).persona.empty());
  EXPECT_EQ(assigner.assign_by_attributes({{"grade", "head"}}).persona, PersonaId("boss"));
}

AssignmentState some_state(const Assigner& assigner) {
  AssignmentState state;
  assigner.observe("tablet wont sync", kNow, state);
  assigner.observe("who owns the risk", kNow + 5, state);
  assigner.observe(BehaviourEvent{kBehaviourCited, "kb-1"}, kNow + 7, state);
  state.established = {PersonaId("boss"), kNow - 9, PersonaId("tech"), 2};
  return state;
}

TEST(AssignmentTest, StateSurvivesTheRow) {
  const Assigner assigner = make_assigner();
  const AssignmentState state = some_state(assigner);
  const Assignment result = assigner.assign(facts({{"grade", "head"}}), state);
  const storage::PersonaAssignment row = assigner.to_row(result, state, 42);
  ASSERT_EQ(row.weights.size(), 3U);
  EXPECT_EQ(row.weights.front(), result.weights.front());
  EXPECT_TRUE(
      std::is_sorted(row.weights.begin(), row.weights.end(),
                     [](const auto& a, const auto& b) { return a.probability > b.probability; }));
  EXPECT_THAT(row.weights,
              testing::Contains(storage::PersonaWeight{PersonaId(kNoPersona), result.abstain}));
  EXPECT_EQ(row.at, 42);
  EXPECT_EQ(assigner.from_row(row), state);
}

TEST(AssignmentTest, OfAnotherVersionsRowTheWordsAreForgotten) {
  const Assigner assigner = make_assigner();
  AssignmentState state = some_state(assigner);
  storage::PersonaAssignment row = assigner.to_row(assigner.assign(facts({}), state), state, 1);
  row.model_version = "older";
  state.words = {};
  EXPECT_EQ(assigner.from_row(row), state);
  const std::string rest = std::string(kTwo).substr(std::string(kTwo).rfind("[[persona]]"));
  EXPECT_EQ(make_assigner(rest).from_row(row).established, EstablishedPersona{});
}

// As the program before this one stored it: words without a time, no state.
TEST(AssignmentTest, ReadsWhoTheUserWasFromARowOfSchemaOne) {
  const Assigner assigner = make_assigner();
  const storage::PersonaAssignment row{
      .weights = {{PersonaId("boss"), 0.9}, {PersonaId("tech"), 0.1}},
      .evidence = R"({"schema":1,"reasons":[],"words":{"messages":2,"log_odds":{"boss":0.5,)"
                  R"("tech":-0.5},"seen":["a"],"reasons":[]}})",
      .model_version = "before",
      .at = 42};
  const AssignmentState state = assigner.from_row(row);
  EXPECT_EQ(state.words, WordState{});
  EXPECT_EQ(state.established, (EstablishedPersona{PersonaId("boss"), 42, {}, 0}));
  storage::PersonaAssignment unsure = row;
  unsure.weights = {{PersonaId("boss"), 0.5}, {PersonaId("tech"), 0.5}};
  EXPECT_EQ(assigner.from_row(unsure), AssignmentState{});
}

TEST(AssignmentTest, OfADamagedRowOnlyWhatIsDamagedIsLost) {
  const Assigner assigner = make_assigner();
  const AssignmentState state = some_state(assigner);
  storage::PersonaAssignment row = assigner.to_row(assigner.assign(facts({}), state), state, 1);
  row.weights.clear();
  for (const char* damaged :
       {"", "[]", "{}", R"({"state":3})", R"({"state":{"words":{"log_odds":[1]}}})",
        R"({"state":{"words":{"log_odds":{"boss":"x"}}}})", R"({"state":{"behaviour":[]}})",
        R"({"state":{"behaviour":{"counts":{"cited=a":-1,"cited=b":"x"}},"established":7}})"}) {
    row.evidence = damaged;
    EXPECT_EQ(assigner.from_row(row), AssignmentState{}) << damaged;
  }
  row.evidence = R"({"state":{"words":{"log_odds":4},"behaviour":{"counts":{"cited=a":2}}}})";
  EXPECT_EQ(assigner.from_row(row).behaviour.counts.at("cited=a"), 2);
}

TEST(AssignmentTest, WhatWasWrittenLongAgoHasFaded) {
  const Assigner assigner = make_assigner();
  AssignmentState state;
  assigner.observe("scanner dead at site", kNow, state);
  const auto half_life =
      static_cast<base::UnixMicros>(assigner.options().word_half_life_days * 86'400e6);
  UserFacts later = facts({});
  later.now += half_life;
  EXPECT_NEAR(assigner.score(later, state).words[1], assigner.score(facts({}), state).words[1] / 2,
              1e-9);
  AssignmentState both = state;
  assigner.observe("words that nobody knows", kNow + half_life, both);
  EXPECT_NEAR(both.words.log_odds.at(PersonaId("tech")),
              state.words.log_odds.at(PersonaId("tech")) / 2 * assigner.options().message_decay,
              1e-9);
}

// Enough text that few words of a persona's users are new.
TEST(AssignmentTest, WhoeverWritesWordsThatNoPersonaUsesIsNone) {
  auto catalogue = PersonaCatalogue::from_toml(kTwo, "test");
  ASSERT_TRUE(catalogue);
  std::vector<TrainingText> texts;
  for (int i = 0; i < 30; ++i) {
    texts.push_back({PersonaId("boss"), "budget forecast for the board and the quarter"});
    texts.push_back({PersonaId("tech"), "scanner dead at site and the tablet wont sync"});
  }
  const auto assigner = Assigner::create(*std::move(catalogue), texts);
  ASSERT_TRUE(assigner);
  const auto after = [&](const char* message) {
    AssignmentState state;
    for (int i = 0; i < 5; ++i) {
      assigner->observe(message + std::string(1, static_cast<char>('a' + i)), kNow + i, state);
    }
    return assigner->assign(facts({{"grade", "head"}}), state);
  };
  const Assignment strange = after("knead sourdough until proved, then bake loaves ");
  const Assignment usual = after("budget forecast for the quarter ");
  EXPECT_GT(strange.abstain, usual.abstain + 0.05);
  EXPECT_TRUE(std::any_of(strange.evidence.begin(), strange.evidence.end(), [](const auto& item) {
    return item.detail == "words that no persona uses" && item.weight > 0;
  }));
  // Exemplars alone know too few words to find any strange.
  AssignmentState state;
  const Assigner untaught = make_assigner();
  untaught.observe("knead sourdough until proved", kNow, state);
  EXPECT_EQ(state.words.log_odds.at(PersonaId(kNoPersona)), 0.0);
}

TEST(AssignmentTest, BehaviourMovesThePosteriorAndNamesItsReasons) {
  auto catalogue = PersonaCatalogue::from_toml(kTwo, "test");
  ASSERT_TRUE(catalogue);
  AssignmentModel model;
  model.behaviour = {{PersonaId("boss"), {{"cited=kb-1", 40}, {"cited=kb-2", 40}}},
                     {PersonaId("tech"), {{"cited=kb-2", 80}}}};
  model.weights.behaviour = 1.0;
  const auto assigner = Assigner::create(*std::move(catalogue), {}, {}, model);
  ASSERT_TRUE(assigner);
  AssignmentState state;
  const Assignment before = assigner->assign(facts({{"grade", "head"}}), state);
  for (int i = 0; i < 3; ++i) {
    assigner->observe(BehaviourEvent{kBehaviourCited, "kb-1"}, kNow, state);
  }
  const Assignment after = assigner->assign(facts({{"grade", "head"}}), state);
  EXPECT_GT(probability(after, "boss"), probability(before, "boss"));
  const auto reason =
      std::find_if(after.evidence.begin(), after.evidence.end(), [](const Evidence& item) {
        return item.source == "behaviour" && item.persona == PersonaId("boss");
      });
  ASSERT_NE(reason, after.evidence.end());
  EXPECT_EQ(reason->detail, "cited=kb-1");
  EXPECT_GT(reason->weight, 0);
}

TEST(AssignmentTest, AModelOfOtherDataIsRefused) {
  auto catalogue = PersonaCatalogue::from_toml(kTwo, "test");
  ASSERT_TRUE(catalogue);
  AssignmentModel model;
  model.data_hash = data_hash_of(*catalogue, {});
  EXPECT_TRUE(Assigner::create(*catalogue, {}, {}, model));
  const std::vector<TrainingText> texts = {{PersonaId("boss"), "budget"}};
  const auto refused = Assigner::create(*catalogue, texts, {}, model);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
}

// Half a year of a graduate who has become an engineer, without the directory saying so.
TEST(AssignmentTest, ANewHireWhoActsLikeAnotherPersonaDriftsOnce) {
  const std::string toml = kTwo + R"(
[[persona]]
id = "new"
name = "New"
description = "Learns."
attribute_half_life_days = 60
exemplars = ["sorry silly question", "which buddy do I ask"]
[persona.attributes]
grade = ["graduate"]
[persona.style]
tone = "warm"
format = "one step"
)";
  const Assigner assigner = make_assigner(toml);
  constexpr base::UnixMicros kDay = 86'400'000'000;
  UserFacts known{.attributes = {{"grade", "graduate"}},
                  .recorded_at = {{"grade", kNow}},
                  .context = {},
                  .now = kNow};
  AssignmentState state;
  std::vector<PersonaChange> changes;
  for (int message = 0; message < 40; ++message) {
    known.now = kNow + message * 5 * kDay;
    const bool is_new = message < 10;
    assigner.observe(std::string(is_new ? "sorry silly question, which buddy do I ask "
                                        : "scanner dead at site, tablet wont sync ") +
                         std::to_string(message),
                     known.now, state);
    const Assignment found = assigner.assign(known, state);
    if (auto change = assigner.note_drift(found, known, true, state)) {
      changes.push_back(*std::move(change));
    }
  }
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].from, PersonaId("new"));
  EXPECT_EQ(changes[0].to, PersonaId("tech"));
  EXPECT_EQ(changes[0].since, kNow);
  EXPECT_GT(changes[0].at, kNow + 50 * kDay);
  ASSERT_FALSE(changes[0].reasons.empty());
  EXPECT_EQ(changes[0].reasons.front().persona, PersonaId("tech"));
  EXPECT_EQ(state.established.persona, PersonaId("tech"));
}

TEST(AssignmentTest, AttributesThatAnImportChangesMoveThePersonaAtOnce) {
  const Assigner assigner = make_assigner();
  UserFacts known{.attributes = {{"grade", "technician"}},
                  .recorded_at = {{"grade", kNow}},
                  .context = {},
                  .now = kNow + 10};
  AssignmentState state;
  EXPECT_FALSE(assigner.note_drift(assigner.assign(known, state), known, false, state));
  EXPECT_EQ(state.established.persona, PersonaId("tech"));
  known.attributes = {{"grade", "head"}};
  known.recorded_at = {{"grade", kNow + 20}};
  known.now = kNow + 30;
  const auto change = assigner.note_drift(assigner.assign(known, state), known, false, state);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->to, PersonaId("boss"));
  EXPECT_EQ(change->reasons.front().detail, "grade=head");
  EXPECT_FALSE(assigner.note_drift(assigner.assign(known, state), known, false, state));
}

TEST(AssignmentTest, AMessageFullOfDeniedMattersChangesNothing) {
  auto catalogue = PersonaCatalogue::from_toml(kTwo, "test");
  ASSERT_TRUE(catalogue);
  // Even where the training texts would teach such words.
  const std::vector<TrainingText> texts = {
      {PersonaId("boss"), "I am a catholic and vote conservative. My diabetes is worse."},
      {PersonaId("tech"), "As a muslim and a member of the trade union I fast in ramadan."},
      {PersonaId("tech"), "我是穆斯林。我加入了工会。我得了糖尿病。"}};
  const auto assigner = Assigner::create(*std::move(catalogue), texts);
  ASSERT_TRUE(assigner);
  const AssignmentState before = some_state(*assigner);
  AssignmentState after = before;
  for (const char* message : {"I am a catholic and vote conservative. My diabetes is worse.",
                              "As a muslim and a member of the trade union I fast in ramadan.",
                              "Being gay, and of the Kurdish ethnic minority, I went to church",
                              "我是穆斯林。我加入了工会。我得了糖尿病。",
                              "她是同性恋，信仰佛教，是少数民族，也是共产党党员"}) {
    assigner->observe(message, before.words.at, after);
    EXPECT_EQ(after, before) << message;
  }
  // The rest of a message counts as it would alone.
  AssignmentState mixed = before;
  AssignmentState alone = before;
  assigner->observe("The scanner is dead. I am a muslim.", kNow + 9, mixed);
  assigner->observe("The scanner is dead.", kNow + 9, alone);
  EXPECT_EQ(mixed.words.log_odds, alone.words.log_odds);
  EXPECT_EQ(mixed.words.reasons, alone.words.reasons);
  const Assignment plain = assigner->assign(facts({{"grade", "head"}}), {});
  const Assignment loaded =
      assigner->assign(facts({{"grade", "head"}, {"title", "Catholic union technician"}}), {});
  EXPECT_EQ(plain.weights, loaded.weights);
}

TEST(AssignmentTest, OptionsOutsideTheirRangeAreRefused) {
  AssignerOptions options;
  options.attributes.noise = 0;
  EXPECT_FALSE(Assigner::create({}, {}, options));
  options = {};
  options.message_decay = 1.5;
  EXPECT_FALSE(Assigner::create({}, {}, options));
}

TEST(AssignmentTest, EmptyCatalogueAssignsNobody) {
  const auto assigner = Assigner::create({});
  ASSERT_TRUE(assigner);
  const Assignment result = assigner->assign(facts({{"grade", "head"}}), {});
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
  AssignmentState state;
  assigner->observe("the quarter forecast", kNow, state);
  EXPECT_GT(state.words.log_odds.at(PersonaId("boss")), 0.05);
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
    const Assignment result = assigner->assign(facts(attributes), {});
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
