#include "kith/timeline/met_terms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/base/json.h"
#include "kith/base/test_directory.h"

namespace kith::timeline {
namespace {

using testing::HasSubstr;

constexpr const char* kTerms =
    R"({"item":{"recency":[1,2,3,4,5,6,7,8,9,10],"count":[100,200,300,400]}})";

FeatureMap two_features() {
  auto schema = parse_schema(
      "name = \"t\"\n[[feature]]\nname = \"item\"\ntype = \"hashed\"\nbuckets = 8\npredict = 1\n"
      "[[feature]]\nname = \"kind\"\ntype = \"hashed\"\nbuckets = 4\n",
      "t");
  EXPECT_TRUE(schema) << schema.error().message;
  return FeatureMapBuilder(*schema).build();
}

MetTerms load(const std::string& text) {
  const base::TestDirectory dir;
  auto terms = MetTerms::load(dir.write("met_terms.json", text), two_features());
  EXPECT_TRUE(terms) << terms.error().message;
  return terms ? *std::move(terms) : MetTerms();
}

std::string error_of(const std::string& text) {
  const base::TestDirectory dir;
  const auto terms = MetTerms::load(dir.write("met_terms.json", text), two_features());
  return terms ? "no error" : terms.error().message;
}

// Item 4 one event ago and four, two times; item 3 three ago; 5 two ago; what is missing or unknown
// was not met.
TEST(MetTermsTest, AddsWhatRecencyAndCountSay) {
  MetValues met;
  for (const auto& row : std::vector<std::vector<std::int32_t>>{
           {kMissing, 2}, {kUnknown, 2}, {4, 3}, {3, 2}, {5, 4}, {4, 2}}) {
    met.append(row);
  }
  std::vector<float> scores(10, 0.5F);
  load(kTerms).add(met, 0, scores);
  EXPECT_THAT(scores, testing::ElementsAre(0.5F, 0.5F, 0.5F, 102.5F, 201.5F, 102.5F, 0.5F, 0.5F,
                                           0.5F, 0.5F));
  std::vector<float> kinds(6, 0.0F);
  load(kTerms).add(met, 1, kinds);
  EXPECT_THAT(kinds, testing::Each(0.0F));
}

TEST(MetTermsTest, RecencyAndCountStandInBuckets) {
  std::vector<std::size_t> recencies;
  for (const std::size_t since : {1, 2, 3, 4, 7, 8, 511, 512, 4096}) {
    recencies.push_back(met_recency(since));
  }
  EXPECT_THAT(recencies, testing::ElementsAre(0, 1, 1, 2, 2, 3, 8, 9, 9));
  std::vector<std::size_t> counts;
  for (const std::size_t times : {1, 2, 3, 4, 5, 900}) counts.push_back(met_count(times));
  EXPECT_THAT(counts, testing::ElementsAre(0, 1, 2, 2, 3, 3));
}

TEST(MetTermsTest, RemembersABoundedNumberOfEvents) {
  MetValues met;
  for (int i = 0; i < 30'000; ++i) met.append(std::vector<std::int32_t>{i < 20'000 ? 4 : 5, 2});
  EXPECT_LE(met.rows().size(), 2 * 2 * kMetEvents + 2);
  EXPECT_GE(met.rows().size(), 2 * kMetEvents);
  std::vector<float> scores(10, 0.0F);
  load(kTerms).add(met, 0, scores);
  EXPECT_EQ(scores[4], 0.0F);
  EXPECT_EQ(scores[5], 401.0F);
}

TEST(MetTermsTest, AnEncoderOfBeforeHasNone) {
  const base::TestDirectory dir;
  const auto terms = MetTerms::load(dir.path() / "met_terms.json", two_features());
  ASSERT_TRUE(terms) << terms.error().message;
  MetValues met;
  met.append(std::vector<std::int32_t>{4, 2});
  std::vector<float> scores(10, 0.0F);
  terms->add(met, 0, scores);
  EXPECT_THAT(scores, testing::Each(0.0F));
}

TEST(MetTermsTest, RefusesWhatDoesNotFit) {
  EXPECT_THAT(error_of("[]"), HasSubstr("must be an object"));
  EXPECT_THAT(error_of(R"({"price":{}})"), HasSubstr("price"));
  EXPECT_THAT(error_of(R"({"item":{"recency":[1],"count":[1,2,3,4]}})"), HasSubstr("10 numbers"));
  EXPECT_THAT(error_of(R"({"item":{"recency":[1,2,3,4,5,6,7,8,9,10],"count":[1,2,3,"x"]}})"),
              HasSubstr("finite"));
}

}  // namespace
}  // namespace kith::timeline
