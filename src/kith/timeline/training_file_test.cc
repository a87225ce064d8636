#include "kith/timeline/training_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/test_directory.h"
#include "kith/tensor/safetensors.h"

namespace kith::timeline {
namespace {

using storage::TimelineEvent;

TimelineEvent click(const char* item, base::UnixMicros seconds) {
  TimelineEvent event;
  event.item = item;
  event.at = seconds * 1'000'000;
  return event;
}

template <typename T>
std::vector<T> values_of(const tensor::SafetensorsFile& file, const char* name) {
  const auto view = file.find(name);
  EXPECT_TRUE(view);
  std::vector<T> values(view->bytes.size() / sizeof(T));
  std::memcpy(values.data(), view->bytes.data(), view->bytes.size());
  return values;
}

// By hand: a is the more frequent item, so 2; the second click of the burst is left out, and the
// gap counts from the event before it.
TEST(TrainingFileTest, WritesUsersOneAfterTheOther) {
  const auto schema = parse_schema(
      "name = \"t\"\nburst_seconds = 1\n[[feature]]\nname = \"item\"\npredict = 1\n"
      "[[feature]]\nname = \"gap\"\ntype = \"gap\"\n",
      "t");
  ASSERT_TRUE(schema) << schema.error().message;
  const std::vector<TimelineEvent> first{click("a", 10), click("a", 11), click("b", 12)};
  const std::vector<TimelineEvent> second{click("c", 5)};
  FeatureMapBuilder builder(*schema);
  builder.add(first);
  const FeatureMap map = builder.build();
  TrainingFileWriter writer(map);
  writer.add(first);
  writer.add({});
  writer.add(second);
  EXPECT_EQ(writer.num_users(), 3U);
  EXPECT_EQ(writer.num_events(), 3U);
  const base::TestDirectory directory;
  ASSERT_TRUE(writer.save(directory.path() / "data"));

  const auto file = tensor::SafetensorsFile::open(directory.path() / "data/timelines.safetensors");
  ASSERT_TRUE(file);
  EXPECT_THAT(values_of<std::int64_t>(*file, "offsets"), testing::ElementsAre(0, 2, 2, 3));
  EXPECT_THAT(values_of<std::int32_t>(*file, "ids"),
              testing::ElementsAre(2, kMissing, 3, kFirstValue + 2, kUnknown, kMissing));
  const auto json = base::parse_json(*base::read_file(directory.path() / "data/features.json"));
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["features"][0]["num_ids"], 4);
  EXPECT_TRUE(FeatureMap::from_json(*json));
}

}  // namespace
}  // namespace kith::timeline
