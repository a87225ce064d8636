#include "kith/runtime/encoder_choice.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "kith/base/file.h"
#include "kith/base/test_directory.h"
#include "kith/persona/version_registry.h"
#include "kith/runtime/resources.h"
#include "kith/runtime/user_encoder.h"

namespace kith::runtime {
namespace {

namespace fs = std::filesystem;

class EncoderChoiceTest : public testing::Test {
 protected:
  void SetUp() override {
    config_.data.dir = (directory_.path() / "data").string();
    auto opened = Installation::open(config_);
    ASSERT_TRUE(opened) << opened.error().message;
    installation_ = *std::move(opened);
  }

  const base::TestDirectory directory_;
  const fs::path shipped_ = service_desk_user_encoder_directory();
  const base::SystemClock clock_;
  Config config_;
  std::unique_ptr<Installation> installation_;
};

TEST_F(EncoderChoiceTest, TheSettingGoesBeforeTheRegistry) {
  EXPECT_TRUE(find_user_encoder(*installation_, "")->empty());
  ASSERT_TRUE(seed_user_encoder(*installation_, shipped_));
  const auto served = find_user_encoder(*installation_, "");
  ASSERT_TRUE(served) << served.error().message;
  EXPECT_TRUE(fs::exists(*served / "features.json"));
  EXPECT_EQ(*find_user_encoder(*installation_, "elsewhere"), fs::path("elsewhere"));
}

TEST_F(EncoderChoiceTest, TheShippedOneIsSeededOnceAndReadsWhatIsSaid) {
  ASSERT_TRUE(seed_user_encoder(*installation_, shipped_));
  ASSERT_TRUE(seed_user_encoder(*installation_, shipped_));
  const auto rows =
      installation_->stores().adapter_versions().list(AdapterId(storage::kUserEncoder));
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 1U);
  EXPECT_EQ(rows->front().status, storage::VersionStatus::kServing);
  const auto served = find_user_encoder(*installation_, "");
  ASSERT_TRUE(served);
  const auto encoder = load_user_encoder(*served, {}, clock_);
  ASSERT_TRUE(encoder) << encoder.error().message;
  EXPECT_FALSE((*encoder)->map().text_features().empty());
  auto state = (*encoder)->start();
  ASSERT_TRUE(state);
  storage::TimelineEvent event;
  event.kind = "message";
  event.text = "My laptop is very slow.";
  ASSERT_TRUE((*encoder)->append(*state, {&event, 1}));
  const auto embedding = (*encoder)->embed(*state);
  ASSERT_TRUE(embedding) << embedding.error().message;
  EXPECT_EQ(embedding->latents.size(),
            static_cast<std::size_t>((*encoder)->num_latents() * (*encoder)->width()));
  EXPECT_EQ((*encoder)->num_latents(), 16);
}

// What was withdrawn stays so at the next start.
TEST_F(EncoderChoiceTest, WhatTheOperatorDecidedStays) {
  ASSERT_TRUE(seed_user_encoder(*installation_, shipped_));
  persona::VersionRegistry registry(installation_->stores().adapter_versions(),
                                    installation_->path(), clock_);
  ASSERT_TRUE(registry.withdraw({AdapterId(storage::kUserEncoder), 1}, {"ann", ""}));
  ASSERT_TRUE(seed_user_encoder(*installation_, shipped_));
  EXPECT_TRUE(find_user_encoder(*installation_, "")->empty());
}

// A server starts all the same; what its settings name must be there.
TEST_F(EncoderChoiceTest, APromotedOneWhoseFilesHaveChangedIsLeftOut) {
  ASSERT_TRUE(seed_user_encoder(*installation_, shipped_));
  const auto served = find_user_encoder(*installation_, "");
  ASSERT_TRUE(served);
  fs::permissions(*served / "features.json", fs::perms::owner_all);
  ASSERT_TRUE(base::write_file_atomically(*served / "features.json", "{}"));
  EXPECT_EQ(find_user_encoder(*installation_, "").error().code, ErrorCode::kConflict);
  server::Metrics metrics;
  const auto made = make_user_encoder(config_, nullptr, *installation_, metrics);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(*made, nullptr);
  config_.user_encoder.directory = (directory_.path() / "nowhere").string();
  EXPECT_FALSE(make_user_encoder(config_, nullptr, *installation_, metrics));
}

// It is small, says where it comes from, and holds nobody.
TEST_F(EncoderChoiceTest, TheShippedOneIsSmallAndHasItsCard) {
  std::uintmax_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(shipped_)) bytes += entry.file_size();
  EXPECT_LT(bytes, 2'000'000U);
  EXPECT_TRUE(fs::exists(shipped_ / "README.md"));
  EXPECT_TRUE(fs::exists(shipped_ / "card.json"));
}

}  // namespace
}  // namespace kith::runtime
