// The adapters of EngineGenerator: loaded and unloaded while it answers, hostile names and paths,
// files that go away.
#include <gmock/gmock.h>

#include <filesystem>

#include "kith/runtime/engine_generator.h"
#include "kith/runtime/test_model.h"

namespace kith::runtime {
namespace {

namespace fs = std::filesystem;
using personalize::only_adapter;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class EngineAdaptersTest : public TinyEngineTest {
 protected:
  fs::path adapters_dir() const { return model_dir_ / "adapters"; }

  // The calm adapter under another name, with its update multiplied.
  void write_adapter(const std::string& name, double factor) const {
    fs::remove_all(adapters_dir() / name);
    fs::copy(adapters_dir() / "calm", adapters_dir() / name, fs::copy_options::recursive);
    const auto path = adapters_dir() / name / "adapter_config.json";
    auto config = *base::parse_json(*base::read_file(path));
    config["lora_alpha"] = config["lora_alpha"].get<double>() * factor;
    ASSERT_TRUE(base::write_file_atomically(path, base::dump_json(config)));
  }

  Error load_error(const std::string& name, const std::string& path, bool replaces = false) {
    const auto loaded = generator_->load_adapter(AdapterId(name), path, replaces);
    EXPECT_FALSE(loaded) << name << " " << path;
    return loaded ? Error{} : loaded.error();
  }

  std::string version_of(const std::string& name) const {
    for (const auto& info : generator_->adapters().list()) {
      if (info.id == AdapterId(name)) return info.version;
    }
    return "";
  }

  // A score says which weights it is under.
  Result<double> score(const AdapterId& name,
                       std::shared_ptr<const personalize::HeldAdapters> held = nullptr) {
    personalize::ScoreRequest request;
    request.messages = {{"user", "Once", {}}};
    request.adapters = only_adapter(name);
    request.held_adapters = std::move(held);
    request.continuations = {"upon a time"};
    KITH_ASSIGN_OR_RETURN(const auto scores, generator_->score(request));
    return scores.front();
  }

  Result<std::vector<personalize::GeneratedText>> generate(
      const AdapterId& name, std::shared_ptr<const personalize::HeldAdapters> held = nullptr) {
    personalize::GenerationRequest request;
    request.messages = {{"user", "Once", {}}};
    request.adapters = only_adapter(name);
    request.held_adapters = std::move(held);
    request.samples.emplace_back();
    request.max_tokens = 4;
    return generator_->generate(request, nullptr, {});
  }
};

TEST_F(EngineAdaptersTest, PathsOutsideTheDirectoryOfAdaptersAreRefused) {
  const fs::path outside = directory_.path() / "outside";
  fs::copy(adapters_dir() / "calm", outside, fs::copy_options::recursive);
  fs::create_directory_symlink(outside, adapters_dir() / "link");
  fs::create_directory_symlink(adapters_dir() / "calm", adapters_dir() / "inner");
  using namespace std::string_literals;
  for (const std::string& path :
       {""s, "."s, ".."s, "../outside"s, "calm/../../outside"s, "calm/.."s, outside.string(), "/"s,
        "/etc/passwd"s, "link"s, "link/."s, "calm\0/../../outside"s, "calm\0"s,
        std::string(300, 'x') + "/../../outside"}) {
    const Error error = load_error("new", path);
    EXPECT_EQ(error.code, ErrorCode::kInvalidArgument) << path;
    EXPECT_THAT(error.message, StartsWith("lora_path"));
  }
  EXPECT_TRUE(generator_->load_adapter(AdapterId("one"), "calm/../brisk", false));
  EXPECT_TRUE(
      generator_->load_adapter(AdapterId("two"), (adapters_dir() / "calm").string(), false));
  EXPECT_TRUE(generator_->load_adapter(AdapterId("three"), "inner", false));
}

TEST_F(EngineAdaptersTest, ErrorsNameTheMemberAndNotTheServersDirectories) {
  fs::create_directory(adapters_dir() / "empty");
  write_adapter("broken", 1.0);
  fs::resize_file(adapters_dir() / "broken/adapter_model.safetensors", 1000);
  write_adapter("huge", 1e12);
  for (const char* path : {"missing", "empty", "broken", "huge"}) {
    const Error error = load_error("new", path);
    EXPECT_THAT(error.message, AllOf(StartsWith("lora_path: "), HasSubstr(path),
                                     Not(HasSubstr(directory_.path().string()))));
  }
  EXPECT_EQ(load_error("new", "missing").code, ErrorCode::kNotFound);
  EXPECT_EQ(load_error("new", "huge").code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(load_error("calm", "brisk").message, StartsWith("lora_name: "));
  EXPECT_EQ(load_error("calm", "brisk").code, ErrorCode::kConflict);
}

TEST_F(EngineAdaptersTest, NoAdapterTakesAModelsName) {
  for (const char* name : {"kith", "tiny", ""}) {
    const Error error = load_error(name, "calm", true);
    EXPECT_EQ(error.code, ErrorCode::kInvalidArgument) << name;
    EXPECT_THAT(error.message, StartsWith("lora_name"));
  }
}

TEST_F(EngineAdaptersTest, ABrokenReplacementKeepsTheAdapterThatWasThere) {
  const std::string version = version_of("calm");
  const double before = *score(AdapterId("calm"));
  write_adapter("huge", 1e12);
  load_error("calm", "huge", true);
  load_error("calm", "missing", true);
  EXPECT_EQ(version_of("calm"), version);
  EXPECT_EQ(*score(AdapterId("calm")), before);
  write_adapter("other", 3.0);
  ASSERT_TRUE(generator_->load_adapter(AdapterId("calm"), "other", true));
  EXPECT_NE(*score(AdapterId("calm")), before);
}

// What an operator does meanwhile takes nothing from a request that has begun.
TEST_F(EngineAdaptersTest, AHeldAdapterAnswersAndScoresAfterItIsReplacedAndUnloaded) {
  const AdapterId calm("calm");
  const double before = *score(calm);
  const std::string text = (*generate(calm))[0].text;
  const auto held = generator_->hold_adapters(only_adapter(calm));
  ASSERT_TRUE(held) << held.error().message;
  write_adapter("other", -3.0);
  ASSERT_TRUE(generator_->load_adapter(calm, "other", true));
  EXPECT_NE(*score(calm), before);
  EXPECT_EQ(*score(calm, *held), before);
  ASSERT_TRUE(generator_->unload_adapter(calm));
  EXPECT_EQ(score(calm).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(*score(calm, *held), before);
  const auto answer = generate(calm, *held);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ((*answer)[0].text, text);
  EXPECT_EQ(generator_->hold_adapters(only_adapter(calm)).error().code, ErrorCode::kNotFound);
}

// Room for one adapter alone: naming the other one drives it out of memory.
class EvictedAdapterTest : public EngineAdaptersTest {
 protected:
  std::size_t max_adapter_bytes() const override { return 1; }

  void evict_calm() { ASSERT_TRUE(generator_->hold_adapters(only_adapter(AdapterId("brisk")))); }

  void expect_unavailable() {
    for (const auto& error : {generator_->hold_adapters(only_adapter(AdapterId("calm"))).error(),
                              generate(AdapterId("calm")).error()}) {
      EXPECT_EQ(error.code, ErrorCode::kUnavailable);
      EXPECT_THAT(error.message, AllOf(HasSubstr("calm"), Not(HasSubstr("/"))));
    }
  }
};

TEST_F(EvictedAdapterTest, ItsFilesMayGoAwayAndComeBack) {
  const double before = *score(AdapterId("calm"));
  evict_calm();
  fs::rename(adapters_dir() / "calm", directory_.path() / "away");
  expect_unavailable();
  fs::rename(directory_.path() / "away", adapters_dir() / "calm");
  EXPECT_EQ(*score(AdapterId("calm")), before);
  evict_calm();
  // Half-written, as by a copy that is still under way.
  const auto weights = adapters_dir() / "calm/adapter_model.safetensors";
  const std::string bytes = *base::read_file(weights);
  fs::resize_file(weights, bytes.size() / 2);
  expect_unavailable();
  ASSERT_TRUE(base::write_file_atomically(weights, bytes));
  EXPECT_EQ(*score(AdapterId("calm")), before);
}

}  // namespace
}  // namespace kith::runtime
