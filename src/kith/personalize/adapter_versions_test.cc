#include "kith/personalize/adapter_versions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/base/json.h"
#include "kith/personalize/feedback.h"
#include "kith/personalize/pipeline_fixture.h"

namespace kith::personalize {
namespace {

// One canary, "calm@2", for ada.
class FakeVersions final : public AdapterVersions {
 public:
  AdapterId choose(const storage::Scope& scope, const AdapterId& adapter) const override {
    return scope.user == UserId("ada") && adapter == AdapterId("calm") ? AdapterId("calm@2")
                                                                       : adapter;
  }
  int version_of(const AdapterId& loaded, const std::string& fingerprint) const override {
    if (fingerprint != loaded.str() + "-bytes") return 0;
    return loaded == AdapterId("calm@2") ? 2 : 1;
  }
  void on_thumb(const storage::DecisionRow& decision, double value) override {
    thumbs.emplace_back(decision.adapter_version, value);
  }

  AdapterId find_shadow(const storage::Scope&, const AdapterId&, const DecisionId&) const override {
    return {};
  }
  void on_shadow(const AdapterId&, bool) override {}

  std::vector<std::pair<int, double>> thumbs;
};

// A generator whose held adapters know their bytes.
class VersionedGenerator final : public Generator {
 public:
  std::vector<AdapterId> names;

  GeneratorCapabilities capabilities() const override { return {}; }
  bool ready() const override { return true; }
  std::vector<AdapterId> adapter_names() const override { return names; }
  Result<std::shared_ptr<const HeldAdapters>> hold_adapters(
      std::span<const AdapterShare> shares) const override {
    KITH_RETURN_IF_ERROR(Generator::hold_adapters(shares));
    auto held = std::make_shared<Held>();
    for (const auto& share : shares) held->bytes.push_back(share.id.str() + "-bytes");
    return std::shared_ptr<const HeldAdapters>(std::move(held));
  }
  Result<std::vector<GeneratedText>> generate(const GenerationRequest&, DeltaSink*,
                                              const CancelToken&) override {
    return Error{ErrorCode::kUnavailable, "not here"};
  }
  Result<std::vector<double>> score(const ScoreRequest&) override {
    return Error{ErrorCode::kUnavailable, "not here"};
  }

 private:
  struct Held final : HeldAdapters {
    std::vector<std::string> fingerprints() const override { return bytes; }
    std::vector<std::string> bytes;
  };
};

class AdapterVersionsTest : public testing::Test {
 protected:
  Result<HeldVersion> hold(const char* user, const AdapterVersions* versions) {
    return hold_version(generator_, versions, {TenantId("t"), UserId(user)}, only_adapter(AdapterId("calm")));
  }

  VersionedGenerator generator_;
  FakeVersions versions_;
};

TEST_F(AdapterVersionsTest, ACanarysUsersGetItAndTheOthersWhatServes) {
  generator_.names = {AdapterId("calm"), AdapterId("calm@2")};
  EXPECT_EQ(hold("ada", &versions_)->version, 2);
  EXPECT_EQ(hold("ada", &versions_)->shares, only_adapter(AdapterId("calm@2")));
  EXPECT_EQ(hold("bob", &versions_)->version, 1);
  EXPECT_EQ(hold("ada", nullptr)->version, 0);
  EXPECT_EQ(hold("ada", nullptr)->shares, only_adapter(AdapterId("calm")));
}

TEST_F(AdapterVersionsTest, ACanaryThatIsGoneGivesWay) {
  generator_.names = {AdapterId("calm")};
  const auto held = hold("ada", &versions_);
  ASSERT_TRUE(held) << held.error().message;
  EXPECT_EQ(held->version, 1);
  EXPECT_EQ(held->shares, only_adapter(AdapterId("calm")));
  generator_.names.clear();
  EXPECT_EQ(hold("ada", &versions_).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(hold("bob", &versions_).error().code, ErrorCode::kNotFound);
}

TEST_F(AdapterVersionsTest, ABlendIsNoVersion) {
  generator_.names = {AdapterId("calm"), AdapterId("brisk")};
  const std::vector<AdapterShare> blend{{AdapterId("calm"), 0.5}, {AdapterId("brisk"), 0.5}};
  const auto held = *generator_.hold_adapters(blend);
  EXPECT_EQ(held_version(&versions_, held.get(), blend), 0);
  EXPECT_EQ(held_version(&versions_, nullptr, only_adapter(AdapterId("calm"))), 0);
}

TEST_F(AdapterVersionsTest, ThumbsAreHeardOfOnce) {
  const base::TestDirectory directory;
  const auto stores = *storage::open_sqlite(directory.path() / "kith.db");
  const base::ManualClock clock;
  const storage::Scope scope{TenantId("t"), UserId("ada")};
  storage::DecisionRow decision;
  decision.id = DecisionId("d");
  decision.adapter = AdapterId("calm");
  decision.adapter_version = 2;
  ASSERT_TRUE(stores->decisions().put(scope, decision));
  FeedbackRecorder recorder(*stores, clock, &versions_);
  FeedbackRequest request{.scope = scope, .decision = DecisionId("d")};
  request.signals = {{.kind = "thumb", .value = -1.0, .at = 5},
                     {.kind = "dwell", .value = 3.0, .at = 5}};
  ASSERT_TRUE(recorder.record(request));
  ASSERT_TRUE(recorder.record(request));
  EXPECT_THAT(versions_.thumbs, testing::ElementsAre(testing::Pair(2, -1.0)));
}

}  // namespace
}  // namespace kith::personalize
