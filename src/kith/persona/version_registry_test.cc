#include "kith/persona/version_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/test_directory.h"
#include "kith/persona/version_files.h"
#include "kith/storage/directory_digest.h"
#include "kith/storage/sqlite/sqlite_store_set.h"

namespace kith::persona {
namespace {

namespace fs = std::filesystem;
using storage::AdapterVersionId;
using storage::VersionStatus;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class VersionRegistryTest : public testing::Test {
 protected:
  // A PEFT directory with `weights` as its bytes.
  fs::path adapter(const std::string& weights) const {
    const fs::path dir = directory_.path() / ("source-" + weights.substr(0, 16));
    fs::create_directories(dir);
    std::ofstream(dir / "adapter_config.json") << R"({"peft_type":"LORA","r":4})";
    std::ofstream(dir / "adapter_model.safetensors") << weights;
    return dir;
  }

  AdapterVersionId add(const std::string& weights) {
    const auto row = registry_.add({.adapter = AdapterId("field"),
                                    .source = adapter(weights),
                                    .by = "ann",
                                    .reason = "a try",
                                    .parents = {},
                                    .base_hash = "",
                                    .data_hash = "",
                                    .recipe_hash = "",
                                    .contributors = {}});
    EXPECT_TRUE(row) << row.error().message;
    return row ? row->id : AdapterVersionId{};
  }

  AdapterVersionId add_passed(const std::string& weights) {
    const auto id = add(weights);
    EXPECT_TRUE(stores_->adapter_versions().set_gate(id, {true, "{}", 1}, "gate"));
    return id;
  }

  std::string weights_of(const AdapterVersionId& id) const {
    return *base::read_file(data_ / version_path(id) / "adapter_model.safetensors");
  }

  VersionStatus status_of(const AdapterVersionId& id) const { return registry_.find(id)->status; }

  // The promise of every moment: each row has its registered files, and one version serves at most.
  void expect_whole() const {
    int serving = 0;
    const auto rows = registry_.list(AdapterId("field"));
    ASSERT_TRUE(rows) << rows.error().message;
    for (const auto& row : *rows) {
      EXPECT_TRUE(registry_.verified_path(row)) << storage::to_string(row.id);
      serving += row.status == VersionStatus::kServing ? 1 : 0;
    }
    EXPECT_LE(serving, 1);
  }

  const base::TestDirectory directory_;
  const fs::path data_ = directory_.path() / "data";
  const bool is_made_ = fs::create_directory(data_);
  const base::ManualClock clock_;
  std::unique_ptr<storage::StoreSet> stores_ = *storage::open_sqlite(data_ / "kith.db");
  VersionRegistry registry_{stores_->adapter_versions(), data_, clock_};
};

TEST_F(VersionRegistryTest, RegistersACopyWithItsLineage) {
  const storage::Scope ada{TenantId("acme"), UserId("lovelace")};
  ASSERT_TRUE(stores_->users().upsert(ada, {}, 1));
  const auto row = registry_.add({.adapter = AdapterId("field"),
                                  .source = adapter("first"),
                                  .by = "ann",
                                  .reason = "more data",
                                  .parents = {"use_case@1"},
                                  .base_hash = "b",
                                  .data_hash = "d",
                                  .recipe_hash = "r",
                                  .metrics = R"({"loss":1.5})",
                                  .contributors = {ada}});
  ASSERT_TRUE(row) << row.error().message;
  EXPECT_EQ(row->status, VersionStatus::kCandidate);
  EXPECT_EQ(row->path, "adapters/field/v1");
  EXPECT_EQ(row->content_hash, *storage::digest_directory(data_ / row->path));
  EXPECT_THAT(*stores_->adapter_versions().contributors(row->id), ElementsAre(ada));
  const auto card = base::parse_json(*base::read_file(data_ / row->path / kVersionCard));
  EXPECT_EQ((*card)["parents"], base::Json::array({"use_case@1"}));
  EXPECT_EQ((*card)["metrics"]["loss"], 1.5);
  EXPECT_EQ(card->dump().find("lovelace"), std::string::npos);
  EXPECT_EQ(fs::status(data_ / row->path / "adapter_model.safetensors").permissions() &
                fs::perms::owner_write,
            fs::perms::none);
  // The source may go: the version is a copy.
  fs::remove_all(adapter("first"));
  EXPECT_TRUE(registry_.verified_path(*row));
}

TEST_F(VersionRegistryTest, RefusesWhatIsNoAdapterAndLeavesNothing) {
  const auto refused = [&](const std::string& name, const fs::path& source,
                           const std::string& metrics = "{}") {
    const auto row = registry_.add({.adapter = AdapterId(name),
                                    .source = source,
                                    .by = "",
                                    .reason = "",
                                    .parents = {},
                                    .base_hash = "",
                                    .data_hash = "",
                                    .recipe_hash = "",
                                    .metrics = metrics,
                                    .contributors = {}});
    EXPECT_FALSE(row) << name;
    return row ? ErrorCode::kInternal : row.error().code;
  };
  const fs::path good = adapter("good");
  for (const std::string& name :
       {std::string(), std::string(".."), std::string("a/b"), std::string("../x"),
        std::string(65, 'x'), std::string("a\0b", 3), std::string("é")}) {
    EXPECT_EQ(refused(name, good), ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(refused("field", directory_.path() / "none"), ErrorCode::kNotFound);
  EXPECT_EQ(refused("field", good, "[1]"), ErrorCode::kInvalidArgument);
  const fs::path linked = directory_.path() / "linked";
  fs::create_directory(linked);
  fs::create_symlink("/etc/passwd", linked / "adapter_model.safetensors");
  std::ofstream(linked / "adapter_config.json") << "{}";
  EXPECT_EQ(refused("field", linked), ErrorCode::kInvalidArgument);
  const fs::path broken = adapter("broken");
  std::ofstream(broken / "adapter_config.json") << "[]";
  EXPECT_EQ(refused("field", broken), ErrorCode::kInvalidArgument);
  EXPECT_THAT(*registry_.list(AdapterId{}), IsEmpty());
  EXPECT_FALSE(fs::exists(data_ / "adapters/field/v1"));
}

TEST_F(VersionRegistryTest, NobodyIsServedBeforeTheGateIsPassed) {
  const auto id = add("one");
  EXPECT_THAT(registry_.promote(id, {"ann", ""}).error().message, HasSubstr("evaluated"));
  ASSERT_TRUE(stores_->adapter_versions().set_gate(id, {false, "{}", 1}, "gate"));
  EXPECT_THAT(registry_.promote(id, {"ann", ""}).error().message, HasSubstr("not passed"));
  EXPECT_EQ(registry_.try_on(id, VersionStatus::kCanary, 0.1, {"ann", ""}).error().code,
            ErrorCode::kConflict);
  EXPECT_EQ(registry_.promote({AdapterId("field"), 9}, {"ann", ""}).error().code,
            ErrorCode::kNotFound);
}

TEST_F(VersionRegistryTest, RollbackRestoresTheFormerBytesAndGoesFurtherBackEachTime) {
  const auto one = add_passed("one");
  const auto two = add_passed("two");
  const auto three = add_passed("three");
  for (const auto& id : {one, two, three}) ASSERT_TRUE(registry_.promote(id, {"ann", "better"}));
  EXPECT_EQ(status_of(one), VersionStatus::kRetired);
  const auto back = registry_.rollback(AdapterId("field"), {"bob", "worse answers"});
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->id, two);
  EXPECT_EQ(weights_of(two), "two");
  EXPECT_EQ(status_of(three), VersionStatus::kWithdrawn);
  EXPECT_EQ(registry_.rollback(AdapterId("field"), {"bob", ""})->id, one);
  EXPECT_EQ(registry_.rollback(AdapterId("field"), {"bob", ""}).error().code, ErrorCode::kNotFound);
  // An older version that is promoted again is gone back from to what it replaced.
  ASSERT_TRUE(stores_->adapter_versions().set_gate(three, {true, "{}", 2}, "gate"));
  ASSERT_TRUE(registry_.promote(three, {"ann", "it was not its fault"}));
  EXPECT_EQ(registry_.rollback(AdapterId("field"), {"bob", ""})->id, one);
  const auto history = stores_->adapter_versions().history(AdapterId("field"), 1);
  EXPECT_EQ(history->at(0).by, "bob");
  expect_whole();
}

TEST_F(VersionRegistryTest, ChangedFilesNeverServe) {
  const auto one = add_passed("one");
  const auto two = add_passed("two");
  ASSERT_TRUE(registry_.promote(one, {"ann", ""}));
  ASSERT_TRUE(registry_.promote(two, {"ann", ""}));
  const fs::path weights = data_ / version_path(one) / "adapter_model.safetensors";
  fs::permissions(weights, fs::perms::owner_all);
  std::ofstream(weights) << "0ne";
  const auto back = registry_.rollback(AdapterId("field"), {"bob", ""});
  EXPECT_EQ(back.error().code, ErrorCode::kConflict);
  EXPECT_THAT(back.error().message, HasSubstr("field@1"));
  EXPECT_EQ(status_of(two), VersionStatus::kServing);
  fs::remove_all(data_ / version_path(one));
  EXPECT_EQ(registry_.rollback(AdapterId("field"), {"bob", ""}).error().code, ErrorCode::kConflict);
  // An added file is a change as well.
  std::ofstream(data_ / version_path(two) / "more") << "x";
  EXPECT_FALSE(registry_.verified_path(*registry_.find(two)));
  // To take a version out works whatever became of it.
  EXPECT_TRUE(registry_.withdraw(one, {"bob", "broken"}));
}

TEST_F(VersionRegistryTest, WhoeverPreparesMayRefuse) {
  const auto one = add_passed("one");
  const auto refused = registry_.promote(one, {"ann", ""}, [](const auto&) -> Status {
    return Error{ErrorCode::kUnavailable, "does not load"};
  });
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(status_of(one), VersionStatus::kCandidate);
}

TEST_F(VersionRegistryTest, ACanaryReplacesACanaryAndIsLive) {
  const auto one = add_passed("one");
  const auto two = add_passed("two");
  ASSERT_TRUE(registry_.promote(one, {"ann", ""}));
  ASSERT_TRUE(registry_.try_on(two, VersionStatus::kCanary, 0.25, {"ann", ""}));
  const auto three = add_passed("three");
  const auto canary = registry_.try_on(three, VersionStatus::kCanary, 0.5, {"ann", ""});
  ASSERT_TRUE(canary);
  EXPECT_EQ(canary->share, 0.5);
  EXPECT_EQ(status_of(two), VersionStatus::kCandidate);
  EXPECT_THAT(*registry_.list_live(), SizeIs(2));
  EXPECT_EQ(registry_.try_on(two, VersionStatus::kCanary, 0.0, {"ann", ""}).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(registry_.try_on(two, VersionStatus::kServing, 0.5, {"ann", ""}).error().code,
            ErrorCode::kInvalidArgument);
}

TEST_F(VersionRegistryTest, SweepsWhatAStoppedRegistrationLeft) {
  const auto one = add("one");
  fs::create_directories(data_ / "adapters/field/v2");
  fs::create_directories(data_ / "adapters/field/v2.abcdef");
  EXPECT_EQ(*registry_.sweep(), 2);
  EXPECT_EQ(*registry_.sweep(), 0);
  EXPECT_EQ(weights_of(one), "one");
  fs::create_directories(data_ / "adapters/field/v2");
  EXPECT_EQ(add("two").version, 2);
}

// A process that registers, promotes and rolls back is killed at many moments; what it leaves is
// always a whole state.
TEST_F(VersionRegistryTest, AKillAtAnyMomentLeavesAWholeState) {
  const fs::path source = adapter(std::string(200'000, 'w'));
  stores_.reset();
  for (int round = 0; round < 25; ++round) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const auto stores = storage::open_sqlite(data_ / "kith.db");
      if (!stores) ::_exit(1);
      VersionRegistry registry((*stores)->adapter_versions(), data_, clock_);
      for (int i = 0;; ++i) {
        const auto row = registry.add({.adapter = AdapterId("field"),
                                       .source = source,
                                       .by = "",
                                       .reason = "",
                                       .parents = {},
                                       .base_hash = "",
                                       .data_hash = "",
                                       .recipe_hash = "",
                                       .contributors = {}});
        if (!row) ::_exit(2);
        static_cast<void>((*stores)->adapter_versions().set_gate(row->id, {true, "{}", 1}, ""));
        static_cast<void>(registry.promote(row->id, {"", ""}));
        if (i % 3 == 2) static_cast<void>(registry.rollback(AdapterId("field"), {"", ""}));
      }
    }
    ::usleep(static_cast<useconds_t>(3000 + 1700 * round));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);
    stores_ = *storage::open_sqlite(data_ / "kith.db");
    VersionRegistry registry(stores_->adapter_versions(), data_, clock_);
    const auto rows = registry.list(AdapterId("field"));
    int serving = 0;
    for (const auto& row : *rows) {
      ASSERT_TRUE(registry.verified_path(row)) << storage::to_string(row.id);
      serving += row.status == VersionStatus::kServing ? 1 : 0;
    }
    EXPECT_LE(serving, 1);
    ASSERT_TRUE(registry.sweep());
    std::size_t directories = 0;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(data_ / "adapters/field", error)) {
      if (entry.is_directory()) ++directories;
    }
    EXPECT_EQ(directories, rows->size());
    stores_.reset();
  }
}

TEST_F(VersionRegistryTest, AUserEncoderStandsUnderItsOwnNameAlone) {
  const fs::path encoder = directory_.path() / "encoder";
  fs::create_directories(encoder);
  for (const char* name : {"config.json", "model.safetensors", "features.json",
                           "perceiver.safetensors", "log.jsonl"}) {
    std::ofstream(encoder / name) << "{}";
  }
  const auto add_as = [&](const char* name, const fs::path& source) {
    NewVersion version;
    version.adapter = AdapterId(name);
    version.source = source;
    return registry_.add(version);
  };
  const auto row = add_as(storage::kUserEncoder, encoder);
  ASSERT_TRUE(row) << row.error().message;
  const auto path = registry_.verified_path(*row);
  ASSERT_TRUE(path);
  EXPECT_TRUE(fs::exists(*path / "perceiver.safetensors"));
  EXPECT_FALSE(fs::exists(*path / "log.jsonl"));
  EXPECT_EQ(add_as("field", encoder).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(add_as(storage::kUserEncoder, adapter("w")).error().code, ErrorCode::kInvalidArgument);
  fs::remove(encoder / "model.safetensors");
  EXPECT_EQ(add_as(storage::kUserEncoder, encoder).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace kith::persona
