#include "kith/server/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "kith/base/test_directory.h"
#include "kith/server/identity.h"
#include "kith/server/metrics.h"
#include "kith/server/static_files.h"

namespace kith::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(HttpTest, SplitsAndDecodesTheTarget) {
  HttpRequest request;
  ASSERT_TRUE(parse_target("/v1/users/a%2Fb%20c/export?after=x%26y&limit=5&flag", request));
  EXPECT_EQ(request.path, "/v1/users/a%2Fb%20c/export");
  EXPECT_THAT(request.segments, ElementsAre("v1", "users", "a/b c", "export"));
  EXPECT_EQ(request.query.at("after"), "x&y");
  EXPECT_EQ(request.query.at("limit"), "5");
  EXPECT_EQ(request.query.at("flag"), "");
}

TEST(HttpTest, RefusesBadTargets) {
  for (const char* target : {"", "v1", "http://x/", "*", "/a%", "/a%2", "/a%zz", "/a?b=%"}) {
    HttpRequest request;
    EXPECT_FALSE(parse_target(target, request)) << target;
  }
}

TEST(HttpTest, HeaderValuesHoldVisibleAsciiOnly) {
  EXPECT_EQ(to_header_value("leadership-1"), "leadership-1");
  EXPECT_EQ(to_header_value("a\r\nX: y"), "a%0D%0AX:%20y");
  EXPECT_EQ(to_header_value("用"), "%E7%94%A8");
  EXPECT_EQ(to_header_value("100%"), "100%25");
}

TEST(HttpTest, OverloadSaysWhenToComeBack) {
  const HttpResponse response = error_response(api::overloaded("full"));
  EXPECT_EQ(response.status, 429);
  EXPECT_THAT(response.headers, ElementsAre(testing::Pair("Retry-After", "1")));
}

class IdentityTest : public testing::Test {
 protected:
  std::string user() const {
    const auto scope = resolve_scope(request_, principal_, named_, {"127.0.0.1"});
    return scope ? scope->user.str() : "error " + std::to_string(scope.error().status);
  }

  HttpRequest request_{.peer = "127.0.0.1"};
  Principal principal_{storage::KeyRole::kOperator, TenantId("default"), {}, true};
  NamedUser named_;
};

TEST_F(IdentityTest, NobodyIsNamedWithoutAName) { EXPECT_EQ(user(), ""); }

TEST_F(IdentityTest, NamesComeInTheirOrder) {
  named_.safety_identifier = "f";
  EXPECT_EQ(user(), "f");
  named_.metadata_user_id = "e";
  EXPECT_EQ(user(), "e");
  named_.user = "d";
  EXPECT_EQ(user(), "d");
  named_.kith_user = "c";
  EXPECT_EQ(user(), "c");
  request_.headers["x-openwebui-user-id"] = "b";
  EXPECT_EQ(user(), "b");
  request_.headers["x-kith-user"] = "a";
  EXPECT_EQ(user(), "a");
}

TEST_F(IdentityTest, HeadersOfOtherProgramsAreBelievedFromTrustedPeersOnly) {
  request_.headers["x-openwebui-user-id"] = "b";
  request_.peer = "10.0.0.9";
  EXPECT_EQ(user(), "");
}

TEST_F(IdentityTest, BoundKeyActsForItsUserAlone) {
  principal_ = {storage::KeyRole::kEndUser, TenantId("default"), UserId("anna"), false};
  EXPECT_EQ(user(), "anna");
  named_.safety_identifier = "hash";
  named_.metadata_user_id = "session";
  EXPECT_EQ(user(), "anna");
  named_.user = "bert";
  EXPECT_EQ(user(), "error 403");
  named_.user = "anna";
  EXPECT_EQ(user(), "anna");
  request_.headers["x-kith-user"] = "bert";
  EXPECT_EQ(user(), "error 403");
}

TEST_F(IdentityTest, MalformedNamesAreRefused) {
  request_.headers["x-kith-user"] = "a\xFF";
  EXPECT_EQ(user(), "error 400");
}

TEST_F(IdentityTest, StoredKeysCannotChooseTheTenant) {
  request_.headers["x-kith-tenant"] = "other";
  EXPECT_EQ(resolve_tenant(request_, principal_)->str(), "other");
  principal_.may_choose_tenant = false;
  EXPECT_EQ(resolve_tenant(request_, principal_).error().status, 403);
  request_.headers["x-kith-tenant"] = "default";
  EXPECT_EQ(resolve_tenant(request_, principal_, "third")->str(), "default");
}

class StaticFilesTest : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& bytes) {
    const auto path = directory_.path() / "web" / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << bytes;
  }
  std::optional<HttpResponse> get(const StaticFiles& files, const std::string& target) {
    HttpRequest request;
    EXPECT_TRUE(parse_target(target, request));
    return files.find(request);
  }

  base::TestDirectory directory_;
};

TEST_F(StaticFilesTest, ServesFilesWithTypeCachingAndPolicy) {
  write("index.html", "<p>page</p>");
  write("assets/app-1a2b.js", "go()");
  const auto files = StaticFiles::load(directory_.path() / "web");
  ASSERT_TRUE(files) << files.error().message;
  const auto page = get(*files, "/");
  ASSERT_TRUE(page);
  EXPECT_EQ(*page->shared_body, "<p>page</p>");
  EXPECT_EQ(page->content_type, "text/html; charset=utf-8");
  EXPECT_THAT(page->headers, testing::Contains(testing::Pair("Cache-Control", "no-cache")));
  EXPECT_THAT(page->headers, testing::Contains(testing::Pair("Content-Security-Policy",
                                                             HasSubstr("default-src 'self'"))));
  const auto script = get(*files, "/assets/app-1a2b.js");
  ASSERT_TRUE(script);
  EXPECT_THAT(script->headers,
              testing::Contains(testing::Pair("Cache-Control", HasSubstr("immutable"))));
}

TEST_F(StaticFilesTest, NothingOutsideTheDirectoryCanBeReached) {
  write("index.html", "page");
  write("../secret.txt", "secret");
  std::filesystem::create_symlink(directory_.path() / "secret.txt",
                                  directory_.path() / "web/link.txt");
  const auto files = StaticFiles::load(directory_.path() / "web");
  ASSERT_TRUE(files);
  for (const char* target :
       {"/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/link.txt",
        "/assets/../../secret.txt", "//secret.txt", "/./index.html", "/index.html%00.js"}) {
    EXPECT_FALSE(get(*files, target)) << target;
  }
}

TEST_F(StaticFilesTest, UnchangedFilesAreNotSentAgain) {
  write("index.html", "page");
  const auto files = StaticFiles::load(directory_.path() / "web");
  ASSERT_TRUE(files);
  HttpRequest request;
  ASSERT_TRUE(parse_target("/", request));
  request.headers["if-none-match"] = files->find(request)->headers[0].second;
  EXPECT_EQ(files->find(request)->status, 304);
}

TEST_F(StaticFilesTest, DirectoryWithoutAPageIsRefused) {
  EXPECT_FALSE(StaticFiles::load(directory_.path() / "nowhere"));
  write("other.html", "x");
  EXPECT_EQ(StaticFiles::load(directory_.path() / "web").error().code, ErrorCode::kInvalidArgument);
}

TEST(MetricsTest, TextNamesRoutesAndSteps) {
  Metrics metrics;
  metrics.on_http("GET", "/v1/users/{id}", 200, 0.01);
  metrics.on_degraded("persona", "late");
  metrics.on_answer("leadership", "draft", {.prompt = 10, .completion = 5, .generated = 9});
  const std::string text = metrics.to_text();
  EXPECT_THAT(text, HasSubstr("kith_http_requests_total{method=\"GET\",route=\"/v1/users/{id}\","
                              "status=\"200\"} 1"));
  EXPECT_THAT(text, HasSubstr("kith_degraded_total{reason=\"late\",step=\"persona\"} 1"));
  EXPECT_THAT(text, HasSubstr("kith_tokens_total{kind=\"prompt\"} 10"));
  EXPECT_THAT(text, HasSubstr("kith_tokens_total{kind=\"completion\"} 5"));
  EXPECT_THAT(text, HasSubstr("kith_tokens_total{kind=\"generated\"} 9"));
}

}  // namespace
}  // namespace kith::server
