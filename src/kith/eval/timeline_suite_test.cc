#include "kith/eval/timeline_suite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "kith/base/file.h"
#include "kith/base/rng.h"
#include "kith/base/test_directory.h"
#include "kith/eval/gzip_file.h"
#include "kith/eval/incident_data.h"
#include "kith/eval/item_sequences.h"
#include "kith/eval/markov_chain.h"
#include "kith/eval/next_incident.h"
#include "kith/eval/next_item.h"
#include "kith/eval/rank_measures.h"
#include "kith/model/test_model.h"
#include "kith/tensor/safetensors.h"

namespace kith::eval {
namespace {

namespace fs = std::filesystem;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::FloatNear;
using testing::HasSubstr;

void write(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
}

TEST(RankMeasuresTest, CountsWhatScoresHigherAndTiesBefore) {
  const std::vector<float> scores{1.0F, 3.0F, 2.0F, 3.0F};
  EXPECT_EQ(rank_of(scores, 1), 0U);
  EXPECT_EQ(rank_of(scores, 3), 1U);
  EXPECT_EQ(rank_of(scores, 0), 3U);
  Ranks ranks;
  ranks.add(0, 2);
  ranks.add(1, 2);
  ranks.add(2, 2);
  EXPECT_DOUBLE_EQ(ranks.hit_rate(), 2.0 / 3.0);
  EXPECT_NEAR(ranks.ndcg(), (1.0 + 1.0 / std::log2(3.0)) / 3.0, 1e-12);
}

TEST(ItemSequencesTest, ReadsUsersInTheirOrder) {
  const base::TestDirectory dir;
  write(dir.path() / "ml-x/sequences.txt", "1 50\n2 50\n1 7\n1 50\n2 9\n\n3 7\n2 7\n");
  const auto sets = find_item_sequences(dir.path());
  ASSERT_TRUE(sets) << sets.error().message;
  ASSERT_EQ(sets->size(), 1U);
  const ItemSequences& set = sets->front();
  EXPECT_EQ(set.name, "ml_x");
  EXPECT_TRUE(set.is_sequences);
  EXPECT_EQ(set.num_items, 3U);
  // The third user has but one item.
  EXPECT_THAT(set.users, ElementsAre(ElementsAre(0, 1, 0), ElementsAre(0, 2, 1)));
  write(dir.path() / "ml-x/sequences.txt", "1 50\n1\n");
  const auto bad = find_item_sequences(dir.path());
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().message, HasSubstr("sequences.txt:2"));
}

// Five users took items 1 to 5 at falling times; a sixth user, and item 6, have one rating too few.
TEST(ItemSequencesTest, RatingsAreSortedAndThinnedToTheCore) {
  std::string csv = "userId,movieId,rating,timestamp\n";
  for (int user = 1; user <= 5; ++user) {
    for (int item = 1; item <= 5; ++item) {
      csv += std::to_string(user) + "," + std::to_string(item) + ",4.0," +
             std::to_string(100 - item) + "\n";
    }
    if (user < 5) csv += std::to_string(user) + ",6,1.0,1\n";
  }
  csv += "6,1,3.5,7\n6,2,3.5,7\n6,3,3.5,7\n6,4,3.5,7\n";
  const base::TestDirectory dir;
  write(dir.path() / "small/ratings.csv", csv);
  const auto set = load_ratings(dir.path() / "small/ratings.csv");
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ(set->num_items, 5U);
  ASSERT_EQ(set->users.size(), 5U);
  for (const auto& user : set->users) EXPECT_THAT(user, ElementsAre(0, 1, 2, 3, 4));
  write(dir.path() / "small/ratings.csv", csv + "7,1,3.5,soon\n");
  EXPECT_THAT(load_ratings(dir.path() / "small/ratings.csv").error().message,
              HasSubstr("ratings.csv:35"));
}

// By hand: 0 is followed by 1 twice and by 2 once; two lags back 0 by 0 once and 2 by 0 once.
TEST(MarkovChainTest, MixesLagsWithDiscounting) {
  const std::vector<std::vector<std::int32_t>> histories{{0, 1, 0, 2}, {0, 1}};
  const MarkovChain chain(histories, 4, 2);
  EXPECT_THAT(chain.popularity(), ElementsAre(FloatNear(0.5F, 1e-6F), FloatNear(1 / 3.0F, 1e-6F),
                                              FloatNear(1 / 6.0F, 1e-6F), 0.0F));
  const std::vector<std::int32_t> history{1, 0};
  EXPECT_THAT(chain.scores(history, {1, 1.0, 0.0}),
              ElementsAre(FloatNear(0.0F, 1e-5F), FloatNear(2 / 3.0F, 1e-5F),
                          FloatNear(1 / 3.0F, 1e-5F), 0.0F));
  // A third of the mass by popularity; the lag of two counts half: 1 is followed by 2 there.
  EXPECT_THAT(chain.scores(history, {2, 0.5, 0.5}),
              ElementsAre(FloatNear((1 / 3.0F + 0.25F) / 2, 1e-5F),
                          FloatNear(0.5F + (1 / 3.0F + 0.25F) / 3, 1e-5F),
                          FloatNear(0.5F / 3 + 0.25F + (1 / 3.0F + 0.25F) / 6, 1e-5F), 0.0F));
  EXPECT_THAT(chain.scores({}, {2, 1.0, 0.0})[0], FloatNear(0.5F, 1e-5F));
}

// Users walk a ring of items, so that counts know all that comes.
ItemSequences ring(std::size_t users, std::size_t items, std::size_t length) {
  ItemSequences set;
  set.name = "ring";
  set.num_items = items;
  for (std::size_t user = 0; user < users; ++user) {
    std::vector<std::int32_t> walk;
    for (std::size_t i = 0; i < length; ++i) {
      walk.push_back(static_cast<std::int32_t>((user * 7 + i) % items));
    }
    set.users.push_back(std::move(walk));
  }
  return set;
}

TEST(NextItemTest, TheChainIsFoundAndOwnHistoryIsNot) {
  const CountBaselines made = count_baselines(ring(95, 95, 12));
  EXPECT_DOUBLE_EQ(made.ranks.at("markov").hit_rate(), 1.0);
  EXPECT_DOUBLE_EQ(made.ranks.at("own_history").hit_rate(), 0.0);
  EXPECT_LT(made.ranks.at("popularity").hit_rate(), 0.5);
}

// The test's encoder has 97 ids: 95 items, missing and unknown.
class TimelineSuiteTest : public testing::Test {
 protected:
  static Result<fs::path> fake_training(const fs::path& recipe) {
    const fs::path encoder = recipe.parent_path() / "encoder";
    fs::create_directories(encoder);
    model::write_tiny_model(encoder, 3, model::TinyFamily::kMistral);
    fs::copy_file(recipe.parent_path() / "data/features.json", encoder / "features.json",
                  fs::copy_options::overwrite_existing);
    return encoder;
  }
  void write_ring(const std::string& name, std::size_t users) const {
    std::string text;
    const auto set = ring(users, 95, 12);
    for (std::size_t user = 0; user < set.users.size(); ++user) {
      for (const auto item : set.users[user]) {
        text += std::to_string(user) + " item" + std::to_string(item) + "\n";
      }
    }
    write(dir_.path() / name, text);
  }
  Result<Report> run(const EncoderTrainer& trainer) const {
    return evaluate_timeline({.data = dir_.path() / "data",
                              .test = dir_.path() / "test",
                              .minutes = 5.0,
                              .work = dir_.path() / "work"},
                             trainer);
  }

  const base::TestDirectory dir_;
};

TEST_F(TimelineSuiteTest, ReportsOnTheTestDirectoryAlone) {
  write_ring("data/other/sequences.txt", 100);
  write_ring("test/ring/sequences.txt", 95);
  write_ring("test/more/sequences.txt", 97);
  int trainings = 0;
  const auto report = run([&](const fs::path& recipe) {
    ++trainings;
    return fake_training(recipe);
  });
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(trainings, 4);
  // In the order of the names.
  for (const char* name : {"next_item_hr10", "next_item_ndcg10", "next_item_gain",
                           "shuffled_user_hr10", "ring_hr10", "ring_shuffled_user_hr10"}) {
    ASSERT_TRUE(report->figures.contains(name)) << name;
    EXPECT_TRUE(std::isfinite(report->figures.at(name).value)) << name;
  }
  const Figure& hits = report->figures.at("next_item_hr10");
  EXPECT_DOUBLE_EQ(hits.baselines.at("markov"), 1.0);
  EXPECT_LE(hits.low, hits.value);
  EXPECT_GE(hits.high, hits.value);
  // An encoder that nobody trained knows nothing of the ring.
  EXPECT_LT(hits.value, 0.5);
  EXPECT_NEAR(report->figures.at("next_item_gain").value, hits.value, 1e-9);
}

TEST_F(TimelineSuiteTest, NothingOfTheLastItemTrains) {
  write_ring("test/ring/sequences.txt", 95);
  std::string recipe_text;
  const auto report = run([&](const fs::path& recipe) {
    recipe_text = *base::read_file(recipe);
    return fake_training(recipe);
  });
  ASSERT_TRUE(report) << report.error().message;
  const auto file =
      tensor::SafetensorsFile::open(dir_.path() / "work/ring-1/data/timelines.safetensors");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->find("ids")->shape[0], 95 * 11);
  EXPECT_THAT(recipe_text, HasSubstr("seed = 2"));
}

TEST_F(TimelineSuiteTest, RefusesADirectoryWithoutData) {
  fs::create_directories(dir_.path() / "test");
  fs::create_directories(dir_.path() / "data");
  const auto report = run(fake_training);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::kNotFound);
}

Incident incident(const char* caller, int hour, const char* category, const char* opener) {
  Incident made;
  made.number = std::to_string(hour);
  made.caller = caller;
  made.opened_at = static_cast<base::UnixMicros>(hour) * 3'600'000'000;
  made.category = category;
  made.opened_by = opener;
  return made;
}

// Ada has mail troubles only, Bob one of everything; the last two of ten incidents are the test.
TEST(NextIncidentTest, CountsKnowTheCallersOwnHistory) {
  std::vector<Incident> log;
  for (int i = 0; i < 4; ++i) log.push_back(incident("ada", i, "mail", "one"));
  for (const char* other : {"disk", "phone", "print", "chair"}) {
    log.push_back(incident("bob", static_cast<int>(log.size()), other, "two"));
  }
  log.push_back(incident("ada", 8, "mail", "one"));
  log.push_back(incident("cleo", 9, "mail", "one"));
  const IncidentSplit split = split_incidents(log);
  EXPECT_EQ(split.first_test, 8U);
  const IncidentCases cases = count_incidents(split, "category");
  // Cleo has no incident before.
  EXPECT_THAT(cases.callers, ElementsAre(0U));
  EXPECT_DOUBLE_EQ(cases.ranks.at("own_history").hit_rate(), 1.0);
  const Timelines timelines = training_timelines(split);
  ASSERT_EQ(timelines.size(), 2U);
  EXPECT_EQ(timelines[0].size(), 8U);
  EXPECT_EQ(timelines[0][0].kind, "call");
  // What is asked is not told before.
  EXPECT_FALSE(timelines[0][0].categories.contains("category"));
}

TEST(IncidentDataTest, TakesTheFirstKnownValueOfEachIncident) {
  const base::TestDirectory dir;
  const std::string head =
      "number,caller_id,opened_by,opened_at,contact_type,location,category,subcategory,u_symptom,"
      "priority,assignment_group\n";
  const fs::path file = dir.path() / "itsm-incident-log/events.csv";
  write(file, head +
                  "B,Caller 1,Op 1,1/3/2016 00:10,Phone,?,Mail,?,?,3,?\n"
                  "B,Caller 1,Op 1,1/3/2016 00:10,Phone,?,Disk,?,?,3,Group 7\n"
                  "A,Caller 2,Op 1,29/2/2016 23:59,Phone,Loc,Mail,Sub,Sym,3,Group 1\n"
                  "C,?,Op 1,29/2/2016 23:59,Phone,Loc,Mail,Sub,Sym,3,Group 1\n");
  EXPECT_EQ(find_incidents(dir.path()), file);
  const auto incidents = load_incidents(file);
  ASSERT_TRUE(incidents) << incidents.error().message;
  ASSERT_EQ(incidents->size(), 2U);
  EXPECT_EQ((*incidents)[0].number, "A");
  EXPECT_EQ((*incidents)[1].category, "Mail");
  EXPECT_EQ((*incidents)[1].group, "Group 7");
  EXPECT_EQ((*incidents)[1].location, "");
  // Eleven minutes later, over the end of February.
  EXPECT_EQ((*incidents)[1].opened_at - (*incidents)[0].opened_at, 11 * 60'000'000LL);
  EXPECT_EQ((*incidents)[0].opened_at, 1'456'790'340LL * 1'000'000);
}

TEST(IncidentDataTest, ReadsTheRealLog) {
  const char* data = std::getenv("KITH_TEST_DATA");
  const fs::path file = data == nullptr ? fs::path() : find_incidents(data);
  if (file.empty()) GTEST_SKIP() << "no itsm-incident-log under KITH_TEST_DATA";
  const auto text = read_gzip_file(file);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_THAT(*text, testing::StartsWith("number,incident_state"));
  const base::TestDirectory dir;
  write(dir.path() / "cut.gz", base::read_file(file)->substr(0, 10'000));
  EXPECT_EQ(read_gzip_file(dir.path() / "cut.gz").error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace kith::eval
