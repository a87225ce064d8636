#include "kith/eval/router_suite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "kith/base/json.h"
#include "kith/base/test_directory.h"
#include "kith/eval/linear_floor.h"
#include "kith/eval/router_data.h"

namespace kith::eval {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// The classifier's n-grams alone.
class NoEncoder final : public persona::TextEncoder {
 public:
  std::string hash() const override { return "0000000000000000"; }
  std::size_t dimensions() const override { return 0; }
  Status encode(std::string_view, std::span<float>) const override { return {}; }
};

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

std::string tickets(int count) {
  std::string csv = "Document,Topic_group\n";
  for (int i = 0; i < count; ++i) {
    const std::string n = std::to_string(i);
    csv += "\"please, unlock account number " + n + "\",Access\n";
    csv += "new laptop order for desk " + n + ",Purchase\n";
  }
  return csv + "cut off without a group\n";
}

std::string clinc(const char* split, int count) {
  base::Json json;
  for (int i = 0; i < count; ++i) {
    const std::string n = std::to_string(i);
    json[split].push_back({"what is my bank balance on card " + n, "balance"});
    json[split].push_back({"play some music from list " + n, "music"});
    json["oos_" + std::string(split)].push_back({"who built bridge " + n, "oos"});
  }
  return base::dump_json(json);
}

void write_hwu(const fs::path& dir, int count) {
  std::string texts;
  std::string labels;
  for (int i = 0; i < count; ++i) {
    texts += "turn on light " + std::to_string(i) + "\nset an alarm at " + std::to_string(i) + "\n";
    labels += "light\nalarm\n";
  }
  write(dir / "seq.in", texts);
  write(dir / "label", labels);
}

void write_data(const fs::path& dir) {
  write(dir / "it-tickets-endava" / "tickets.csv", tickets(20));
  base::Json both = *base::parse_json(clinc("train", 20));
  both.update(*base::parse_json(clinc("val", 5)));
  write(dir / "clinc150" / "data_train_val.json", base::dump_json(both));
  write(dir / "clinc150" / "domains.json", R"({"bank": ["balance"]})");
  write_hwu(dir / "hwu64" / "train", 20);
  write_hwu(dir / "hwu64" / "valid", 5);
}

TEST(RouterDataTest, WithoutATestDirectoryReportsOnTheValidationParts) {
  const base::TestDirectory dir;
  write_data(dir.path());
  const auto sets = load_router_sets(dir.path(), {}, 7);
  ASSERT_TRUE(sets) << sets.error().message;
  ASSERT_EQ(sets->size(), 3U);
  EXPECT_EQ((*sets)[0].name, "tickets");
  EXPECT_EQ((*sets)[0].train.size(), 32U) << "the row without a group is skipped";
  EXPECT_EQ((*sets)[0].test.size(), 8U);
  EXPECT_EQ((*sets)[1].train.size(), 60U);
  EXPECT_EQ((*sets)[1].test.size(), 15U);
  EXPECT_EQ((*sets)[2].train.size(), 40U);
  EXPECT_EQ((*sets)[2].test.size(), 10U);
}

TEST(RouterDataTest, WithATestDirectoryAllOfTheDataTrains) {
  const base::TestDirectory dir;
  write_data(dir.path() / "data");
  write(dir.path() / "test" / "it-tickets-endava" / "tickets.csv", tickets(3));
  write(dir.path() / "test" / "clinc150" / "data_test.json", clinc("test", 2));
  write_hwu(dir.path() / "test" / "hwu64" / "test", 4);
  const auto sets = load_router_sets(dir.path() / "data", dir.path() / "test", 7);
  ASSERT_TRUE(sets) << sets.error().message;
  EXPECT_EQ((*sets)[0].train.size(), 40U);
  EXPECT_EQ((*sets)[0].test.size(), 6U);
  EXPECT_EQ((*sets)[1].train.size(), 75U);
  EXPECT_EQ((*sets)[1].test.size(), 6U);
  EXPECT_EQ((*sets)[2].train.size(), 50U);
  EXPECT_EQ((*sets)[2].test.size(), 8U);
}

TEST(RouterDataTest, SaysWhatIsWrong) {
  const base::TestDirectory dir;
  EXPECT_THAT(load_router_sets(dir.path(), {}, 7).error().message, HasSubstr("clinc150"));
  write(dir.path() / "clinc150" / "data.json", R"({"train": [["text"]]})");
  EXPECT_THAT(load_router_sets(dir.path(), {}, 7).error().message,
              HasSubstr("train: a split must be"));
}

TEST(LinearFloorTest, ScoresTheRightLabelHighest) {
  std::vector<persona::LabelledText> texts;
  for (int i = 0; i < 10; ++i) {
    texts.push_back({"reset my password " + std::to_string(i), "password"});
    texts.push_back({"printer is jammed " + std::to_string(i), "printer"});
    texts.push_back({"who built this " + std::to_string(i), ""});
  }
  const auto two = LinearFloor::train(texts, {"password", "printer"});
  ASSERT_TRUE(two);
  EXPECT_GT(two->scores("password please")[0], two->scores("password please")[1]);
  EXPECT_LT(two->scores("the printer")[0], two->scores("the printer")[1]);
  texts.push_back({"order a laptop", "order"});
  texts.push_back({"order a phone", "order"});
  const auto three = LinearFloor::train(texts, {"order", "password", "printer"});
  ASSERT_TRUE(three);
  EXPECT_GT(three->scores("order a desk")[0], three->scores("order a desk")[1]);
}

TEST(RouterSuiteTest, ReportsEveryFigureWithItsFloor) {
  const base::TestDirectory dir;
  write_data(dir.path());
  const RouterOptions options{.data = dir.path(), .training = {.epochs = 5, .hidden = 16}};
  const auto report = evaluate_router(options, std::make_shared<NoEncoder>());
  ASSERT_TRUE(report) << report.error().message;
  for (const char* name :
       {"tickets_macro_f1", "clinc_accuracy", "clinc_oos_auroc", "hwu_accuracy"}) {
    ASSERT_TRUE(report->figures.contains(name)) << name;
    EXPECT_GT(report->figures.at(name).value, 0.9) << name;
    EXPECT_TRUE(report->figures.at(name).baselines.contains("liblinear")) << name;
  }
  EXPECT_TRUE(report->figures.at("ece").baselines.contains("uncalibrated"));
  EXPECT_GT(report->figures.at("latency_p99_us").value, 0.0);
}

}  // namespace
}  // namespace kith::eval
