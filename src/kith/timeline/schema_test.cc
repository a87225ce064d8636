#include "kith/timeline/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kith::timeline {
namespace {

using testing::HasSubstr;

constexpr const char* kWhole = R"toml(
name = "desk"
burst_seconds = 5

[[feature]]
name = "kind"
[[feature]]
name = "item"
max_values = 2000
min_count = 3
predict = 1.0
[[feature]]
name = "need"
source = "categories.need"
predict = 0.5
[[feature]]
name = "tag"
type = "hashed"
source = "text"
buckets = 64
[[feature]]
name = "stars"
type = "number"
bins = 5
[[feature]]
name = "gap"
type = "gap"
[[feature]]
name = "season"
type = "calendar"
unit = "month"
[[feature]]
name = "words"
type = "text"
)toml";

std::string error_of(const std::string& toml) {
  const auto schema = parse_schema(toml, "timeline.toml");
  return schema ? "no error" : schema.error().message;
}

TEST(SchemaTest, ReadsEveryKindOfFeature) {
  const auto schema = parse_schema(kWhole, "timeline.toml");
  ASSERT_TRUE(schema) << schema.error().message;
  EXPECT_EQ(schema->name, "desk");
  EXPECT_EQ(schema->burst_seconds, 5);
  ASSERT_EQ(schema->features.size(), 8U);
  const FeatureSpec& item = schema->features[1];
  EXPECT_EQ(item.kind, FeatureKind::kCategory);
  EXPECT_EQ(item.source, FeatureSource::kItem);
  EXPECT_EQ(item.size, 2000);
  EXPECT_EQ(item.min_count, 3);
  EXPECT_EQ(item.predict, 1.0);
  EXPECT_EQ(schema->features[2].category, "need");
  EXPECT_EQ(schema->features[3].source, FeatureSource::kText);
  EXPECT_EQ(schema->features[4].source, FeatureSource::kNumber);
  EXPECT_EQ(schema->features[5].source, FeatureSource::kTime);
  EXPECT_EQ(schema->features[6].unit, CalendarUnit::kMonth);
  EXPECT_EQ(schema->features[7].kind, FeatureKind::kText);
}

TEST(SchemaTest, NamesFileKeyAndWhatIsAllowed) {
  EXPECT_THAT(error_of("name ="), HasSubstr("timeline.toml: line 1"));
  EXPECT_THAT(error_of("[[feature]]\nname=\"item\"\npredict=1\n"), HasSubstr("name is missing"));
  const std::string head = "name=\"x\"\n[[feature]]\nname=\"item\"\npredict=1\n";
  EXPECT_EQ(error_of(head), "no error");
  EXPECT_THAT(error_of(head + "colour=1\n"), HasSubstr("colour is not a key"));
  EXPECT_THAT(error_of(head + "type=\"picture\"\n"), HasSubstr("must be one of category"));
  EXPECT_THAT(error_of(head + "source=\"categories.\"\n"), HasSubstr("source must be kind"));
  EXPECT_THAT(error_of(head + "source=\"number\"\n"), HasSubstr("source must be kind"));
  EXPECT_THAT(error_of(head + "max_values=0\n"), HasSubstr("max_values must be in"));
  EXPECT_THAT(error_of(head + "[[feature]]\nname=\"item\"\n"), HasSubstr("each once: item"));
  EXPECT_THAT(error_of("name=\"x\"\n[[feature]]\nname=\"kind\"\n"), HasSubstr("predict above 0"));
  EXPECT_THAT(error_of("name=\"x\"\n"), HasSubstr("1 to 32 times"));
  // A text is read, never predicted.
  EXPECT_THAT(error_of(head + "[[feature]]\nname=\"w\"\ntype=\"text\"\npredict=1\n"),
              HasSubstr("predict is not a key"));
}

}  // namespace
}  // namespace kith::timeline
