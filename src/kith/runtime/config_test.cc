#include "kith/runtime/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "kith/base/test_directory.h"

namespace kith::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Environment environment(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const std::string& name) -> std::optional<std::string> {
    const auto it = values.find(name);
    return it == values.end() ? std::nullopt : std::optional<std::string>(it->second);
  };
}

class ConfigTest : public ::testing::Test {
 protected:
  std::filesystem::path write_config(const std::string& text) const {
    return directory_.write("kith.toml", text);
  }

  base::TestDirectory directory_;
};

TEST_F(ConfigTest, CommandLineBeatsEnvironmentBeatsFileBeatsDefault) {
  ConfigLoader loader(environment({{"KITH_SERVER_PORT", "2"}, {"KITH_MODEL_DTYPE", "int8"}}));
  ASSERT_TRUE(loader.read_file(
      write_config("[server]\nport = 1\nhost = \"::1\"\n[answer]\nextractive = false\n")));
  ASSERT_TRUE(loader.read_environment());
  ASSERT_TRUE(loader.set("server.port", "3"));
  const auto config = loader.finish();
  ASSERT_TRUE(config);
  EXPECT_EQ(config->server.port, 3);
  EXPECT_EQ(config->server.host, "::1");
  EXPECT_EQ(config->model.dtype, "int8");
  EXPECT_FALSE(config->answer.extractive);
  EXPECT_EQ(config->data.dir, "data");
}

TEST_F(ConfigTest, SaysWhereEachValueCameFrom) {
  ConfigLoader loader(environment({{"KITH_UPSTREAM_API_KEY", "secret"}}));
  ASSERT_TRUE(loader.read_file(write_config("[server]\nport = 1\n")));
  ASSERT_TRUE(loader.read_environment());
  for (const auto& setting : loader.settings()) {
    if (setting.key == "server.port") {
      EXPECT_THAT(setting.source, HasSubstr(".toml:2"));
    }
    if (setting.key == "data.dir") {
      EXPECT_EQ(setting.source, "default");
    }
    if (setting.key == "upstream.api_key") {
      EXPECT_EQ(setting.value, "********");
      EXPECT_EQ(setting.source, "environment KITH_UPSTREAM_API_KEY");
    }
  }
}

TEST_F(ConfigTest, NamesFileLineKeyAndWhatIsAllowed) {
  ConfigLoader loader(environment({}));
  const auto unknown = loader.read_file(write_config("[server]\nhost = \"x\"\npotr = 1\n"));
  EXPECT_THAT(unknown.error().message, AllOf(HasSubstr(":3"), HasSubstr("server.potr")));
  const auto range = loader.read_file(write_config("[server]\nport = 70000\n"));
  EXPECT_THAT(range.error().message, AllOf(HasSubstr("[0, 65535]"), HasSubstr("70000")));
  const auto broken = loader.read_file(write_config("[server\n"));
  EXPECT_THAT(broken.error().message, HasSubstr(":1"));
  EXPECT_EQ(loader.read_file("/nowhere.toml").error().code, ErrorCode::kNotFound);
}

TEST_F(ConfigTest, ListsAreArraysInTheFileAndHaveCommasElsewhere) {
  ConfigLoader loader(environment({{"KITH_SERVER_CORS_ORIGINS", "https://a.b, http://c:81 ,"}}));
  EXPECT_THAT(loader.finish()->server.trusted_peers, ElementsAre("127.0.0.1", "::1"));
  ASSERT_TRUE(loader.read_file(
      write_config("[server]\ntrusted_peers = [\"10.0.0.7\", \"0:0:0:0:0:0:0:2\"]\n")));
  ASSERT_TRUE(loader.read_environment());
  const auto config = loader.finish();
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_THAT(config->server.trusted_peers, ElementsAre("10.0.0.7", "::2"));
  EXPECT_THAT(config->server.cors_origins, ElementsAre("https://a.b", "http://c:81"));
  ASSERT_TRUE(loader.set("server.trusted_peers", ""));
  EXPECT_THAT(loader.finish()->server.trusted_peers, IsEmpty());
  for (const auto& setting : loader.settings()) {
    if (setting.key == "server.cors_origins") {
      EXPECT_EQ(setting.value, "https://a.b, http://c:81");
    }
  }
}

TEST_F(ConfigTest, RefusesListsOfSomethingElse) {
  const auto message_of = [this](const std::string& text) {
    ConfigLoader loader(environment({}));
    const auto read = loader.read_file(write_config(text));
    return read ? loader.finish().error().message : read.error().message;
  };
  EXPECT_THAT(message_of("[server]\ntrusted_peers = [\"proxy\"]\n"), HasSubstr("proxy"));
  EXPECT_THAT(message_of("[server]\ntrusted_peers = [1]\n"), HasSubstr("list of texts"));
  EXPECT_THAT(message_of("[server]\ntrusted_peers = \"::1\"\n"), HasSubstr("list of texts"));
  EXPECT_THAT(message_of("[server]\nhost = [\"::1\"]\n"), HasSubstr("must not be a list"));
  for (const char* origin : {"desk.example", "https://desk.example/", "*", "https://*.example"}) {
    EXPECT_THAT(message_of("[server]\ncors_origins = [\"" + std::string(origin) + "\"]\n"),
                HasSubstr("cors_origins"));
  }
}

// docs/formats/configuration.md names every setting.
TEST_F(ConfigTest, EverySettingIsDocumented) {
  const char* source = std::getenv("KITH_SOURCE_DIR");
  if (source == nullptr) GTEST_SKIP() << "KITH_SOURCE_DIR is not set";
  std::ifstream file(std::filesystem::path(source) / "docs/formats/configuration.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  for (const auto& setting : ConfigLoader(environment({})).settings()) {
    EXPECT_THAT(text, HasSubstr("| `" + setting.key + "` |"));
  }
}

TEST_F(ConfigTest, AnUpstreamSpeaksADialectThatIsKnown) {
  ConfigLoader loader(environment({{"KITH_UPSTREAM_DIALECT", "vllm"}}));
  ASSERT_TRUE(loader.read_environment());
  EXPECT_EQ(loader.finish()->upstream.dialect, "vllm");
  ASSERT_TRUE(loader.set("upstream.dialect", "esperanto"));
  EXPECT_THAT(loader.finish().error().message,
              HasSubstr("upstream.dialect must be one of openai, vllm: esperanto"));
}

TEST_F(ConfigTest, RefusesValuesOutsideTheList) {
  ConfigLoader loader(environment({}));
  ASSERT_TRUE(loader.set("model.dtype", "fp4"));
  EXPECT_THAT(loader.finish().error().message, HasSubstr("f32, bf16, int8"));
  EXPECT_FALSE(loader.set("answer.extractive", "yes"));
}

}  // namespace
}  // namespace kith::runtime
