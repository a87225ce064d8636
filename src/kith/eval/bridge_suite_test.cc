#include "kith/eval/bridge_suite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/test_directory.h"
#include "kith/eval/bridge_tasks.h"

namespace kith::eval {
namespace {

using testing::HasSubstr;

constexpr base::UnixMicros kNow = 1'780'000'000'000'000;

// `users` users with `count` events each, whose needs follow one another as a, b, c; two clicks a
// need.
std::string events_csv(int users, int count) {
  std::string csv = "id,user,at,kind,item,categories.need,categories.priority,number\n";
  for (int user = 0; user < users; ++user) {
    for (int i = 0; i < count; ++i) {
      const std::string place = std::to_string(i);
      csv += "e" + place + ",u" + std::to_string(user) + ",2025-01-" + (i < 9 ? "0" : "") +
             std::to_string(i + 1) + "T10:00:00Z," + (i % 2 == 0 ? "click" : "ticket") + ",," +
             std::array<const char*, 3>{"a_b", "b", "c"}[static_cast<std::size_t>(i / 2 % 3)] +
             (i % 2 == 0 ? ",,\n" : ",high,2\n");
    }
  }
  return csv;
}

class BridgeTasksTest : public ::testing::Test {
 protected:
  std::vector<UserTimeline> timelines(const std::string& csv) {
    const auto read = read_timelines({directory_.write("events.csv", csv)}, kNow);
    EXPECT_TRUE(read) << read.error().message;
    return read ? *read : std::vector<UserTimeline>();
  }

  base::TestDirectory directory_;
};

TEST_F(BridgeTasksTest, AskForTheNextOtherNeedAfterExactlySoManyEvents) {
  const auto users = timelines(events_csv(1, 9));
  const auto examples = need_examples(users, 4, 10);
  // Other needs begin at events 4, 6 and 8.
  ASSERT_EQ(examples.size(), 3U);
  EXPECT_EQ(examples[0].answer, "c");
  EXPECT_EQ(examples[1].answer, "a b");
  EXPECT_EQ(examples[2].answer, "b");
  for (const auto& example : examples) EXPECT_EQ(example.history.size(), 4U);
  EXPECT_EQ(history_text(examples[0]), "click a b\nticket a b high 2\nclick b\nticket b high 2\n");
  EXPECT_THAT(summary_text(examples[0]), HasSubstr("Last: b."));
  EXPECT_EQ(favourite_need(examples[0]), "a b");
  EXPECT_EQ(need_examples(users, 4, 2).size(), 2U);
}

TEST_F(BridgeTasksTest, EventsCountOnceAndInOrder) {
  const std::string row = "e1,u,2025-01-02T10:00:00Z,click,,vpn,,\n";
  const auto users = timelines("id,user,at,kind,item,categories.need,categories.priority,number\n" +
                               row + row + "e2,u,2025-01-01T10:00:00Z,click,,mail,,\n" +
                               "e3,u,2031-01-01T10:00:00Z,click,,files,,\n");
  ASSERT_EQ(users.size(), 1U);
  ASSERT_EQ(users[0].events.size(), 3U);
  EXPECT_EQ(need_of(users[0].events[0]), "mail");
  EXPECT_EQ(users[0].events[2].at, kNow);
}

// A trainer that answers as told instead of training.
class FakeTrainer {
 public:
  explicit FakeTrainer(std::filesystem::path work) : work_(std::move(work)) {}

  Result<base::Json> operator()(const std::string& kind, const std::filesystem::path& recipe) {
    kinds.push_back(kind);
    if (kind == "timeline") return base::Json::object();
    const std::string name = recipe.stem().string();
    KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(recipe));
    recipes[name] = text;
    const std::string part = name.ends_with("history") ? "test2" : "test0";
    KITH_ASSIGN_OR_RETURN(const std::string examples,
                          base::read_file(work_ / "h4" / (part + ".jsonl")));
    const bool right = name.ends_with("soft_prompt");
    std::string answers;
    for (const char c : examples) {
      if (c == '\n') answers += std::string(R"({"right": )") + (right ? "true}\n" : "false}\n");
    }
    std::filesystem::create_directories(work_ / name);
    KITH_RETURN_IF_ERROR(base::write_file_atomically(work_ / name / "answers.jsonl", answers));
    return base::Json::object();
  }

  std::vector<std::string> kinds;
  std::map<std::string, std::string> recipes;

 private:
  std::filesystem::path work_;
};

TEST(BridgeSuiteTest, ComparesArmsOnTheSameExamples) {
  const base::TestDirectory directory;
  const char* source = std::getenv("KITH_SOURCE_DIR");
  if (source == nullptr) GTEST_SKIP() << "KITH_SOURCE_DIR is not set";
  BridgeSuiteOptions options;
  options.events = {directory.write("events.csv", events_csv(20, 12))};
  options.model = std::filesystem::path(source) / "models" / "builtin";
  options.work = directory.path();
  options.histories = {4};
  options.arms = {"history", "soft_prompt"};
  options.measure_cost = false;
  FakeTrainer trainer(directory.path());
  const base::ManualClock clock(kNow);
  const auto report = evaluate_bridges(options, clock, std::ref(trainer));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(trainer.kinds, (std::vector<std::string>{"timeline", "bridge", "bridge"}));
  EXPECT_EQ(report->figures.at("right_4_soft_prompt").value, 1.0);
  EXPECT_EQ(report->figures.at("right_4_history").value, 0.0);
  EXPECT_EQ(report->figures.at("over_history_4_soft_prompt").low, 1.0);
  EXPECT_GT(report->figures.at("history_tokens_4").value, 4.0);
  // What is compared differs in what tells of the user, and in nothing else.
  EXPECT_THAT(trainer.recipes.at("h4_history"), HasSubstr("type = \"none\""));
  EXPECT_THAT(trainer.recipes.at("h4_soft_prompt"), HasSubstr("type = \"soft_prompt\""));
  for (const auto& [name, recipe] : trainer.recipes) {
    EXPECT_THAT(recipe, HasSubstr("steps = 150"));
    EXPECT_THAT(recipe, HasSubstr("batch = 16"));
  }
}

TEST(BridgeSuiteTest, RefusesWhatItCannotMeasure) {
  const base::TestDirectory directory;
  BridgeSuiteOptions options;
  options.events = {directory.write("events.csv", events_csv(3, 6))};
  options.work = directory.path();
  options.arms = {"telepathy"};
  const base::ManualClock clock(kNow);
  FakeTrainer trainer(directory.path());
  const auto unknown = evaluate_bridges(options, clock, std::ref(trainer));
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("history, summary"));
  options.arms = {"history"};
  const auto few = evaluate_bridges(options, clock, std::ref(trainer));
  ASSERT_FALSE(few);
  EXPECT_THAT(few.error().message, HasSubstr("more than 50 events"));
}

}  // namespace
}  // namespace kith::eval
