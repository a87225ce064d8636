// Events in by POST /v1/import/events, out by GET /v1/users/{id}/timeline.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/base/json.h"
#include "kith/server/test_server.h"

namespace kith::server {
namespace {

const TestHeaders kCsv{{"Content-Type", "text/csv"}};

base::Json parsed(const TestResponse& response) {
  EXPECT_EQ(response.status, 200) << response.body;
  const auto json = base::parse_json(response.body);
  return json ? *json : base::Json();
}

std::vector<std::string> items_of(const base::Json& page) {
  std::vector<std::string> items;
  for (const auto& event : page.at("data")) items.push_back(event.value("item", ""));
  return items;
}

TEST(TimelineTest, EventsOfAnyColumnsComeBackNewestFirstInPages) {
  TestServer server;
  const std::string path =
      "/v1/import/events?user=userId&item=movieId&number=rating&at=timestamp&default_kind=rating";
  const std::string csv =
      "userId,movieId,rating,timestamp\n7,31,2.5,1260759144\n7,1029,3.0,1260759179\n"
      "7,1061,wonderful,1260759182\n8,31,4.0,1260759185\n7,1129,2.0,1260759185\n";
  const base::Json report = parsed(call(server.port(), "POST", path, kCsv, csv));
  EXPECT_EQ(report["added"], 4);
  EXPECT_EQ(report["bad_lines"][0]["line"], 4);
  EXPECT_EQ(parsed(call(server.port(), "POST", path, kCsv, csv))["unchanged"], 4);

  const base::Json first = parsed(call(server.port(), "GET", "/v1/users/7/timeline?limit=2"));
  EXPECT_EQ(first["num_events"], 3);
  EXPECT_THAT(items_of(first), testing::ElementsAre("1129", "1029"));
  EXPECT_EQ(first["data"][1]["kind"], "rating");
  EXPECT_EQ(first["data"][1]["number"], 3.0);
  EXPECT_EQ(first["data"][1]["at"], "2009-12-14T02:52:59.000000Z");
  const std::string next = first["next"].get<std::string>();
  const base::Json second =
      parsed(call(server.port(), "GET", "/v1/users/7/timeline?limit=2&before=" + next));
  EXPECT_THAT(items_of(second), testing::ElementsAre("31"));
  EXPECT_FALSE(second.contains("next"));
}

TEST(TimelineTest, RefusesUnknownUsersPagesAndColumns) {
  TestServer server;
  EXPECT_EQ(call(server.port(), "GET", "/v1/users/nobody/timeline").status, 404);
  EXPECT_EQ(call(server.port(), "POST", "/v1/import/events?film=movieId", kCsv, "user\nu\n").status,
            400);
  EXPECT_EQ(call(server.port(), "POST", "/v1/import/events", kCsv, "user\nu\n").status, 200);
  for (const char* query : {"before=", "before=12", "before=a-1", "before=1-1x", "limit=0"}) {
    const std::string path = std::string("/v1/users/u/timeline?") + query;
    EXPECT_EQ(call(server.port(), "GET", path).status, 400) << query;
  }
}

}  // namespace
}  // namespace kith::server
