#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "kith/base/json.h"
#include "kith/base/test_directory.h"
#include "kith/profile/consent.h"
#include "kith/profile/erase.h"
#include "kith/profile/export.h"
#include "kith/profile/fields.h"
#include "kith/storage/faulty/faulty_store_set.h"
#include "kith/storage/sqlite/sqlite_store_set.h"

namespace kith::profile {
namespace {

using base::Json;
using storage::NewTurn;
using storage::Scope;
using testing::IsEmpty;

class ProfileTest : public testing::Test {
 protected:
  // One row of each kind, each holding `word`.
  void plant(const Scope& scope, const std::string& word) {
    const std::string id = scope.user.str();
    ASSERT_TRUE(stores_->users().upsert(scope, {{"note", word}}, 1));
    ASSERT_TRUE(stores_->consents().set(scope, "purpose-" + word, false, 1));
    ASSERT_TRUE(stores_->personas().put(
        scope, {{{PersonaId("field"), 1.0}}, "{\"said\":\"" + word + "\"}", "v1", 1}));
    const std::array turns{
        NewTurn{"user", word, 1, {}, {}, ""},
        NewTurn{"assistant", "on " + word, 2, 5.0, DecisionId("d" + id), "cc-" + id}};
    ASSERT_TRUE(stores_->conversations().append(scope, ConversationId("c"), 0, turns));
    storage::DecisionRow decision;
    decision.id = DecisionId("d" + id);
    decision.document = "{\"query\":\"" + word + "\"}";
    ASSERT_TRUE(stores_->decisions().put(scope, decision));
    ASSERT_TRUE(stores_->feedback().add(
        scope, {"k", DecisionId("d" + id), "reply", std::nullopt, word, 4, 4}));
    ASSERT_TRUE(stores_->keys().add({"key" + id,
                                     "00",
                                     storage::KeyRole::kEndUser,
                                     scope.tenant,
                                     scope.user,
                                     "label " + word,
                                     1,
                                     {}}));
  }

  // Registers a version of an adapter that all of `contributors` are in.
  void train(int version, std::span<const Scope> contributors) {
    storage::AdapterVersionRow row;
    row.id = {AdapterId("field"), version};
    row.path = "adapters/field/v" + std::to_string(version);
    row.content_hash = "00";
    ASSERT_TRUE(stores_->adapter_versions().add(row, contributors));
  }

  const base::TestDirectory directory_;
  const std::unique_ptr<storage::StoreSet> stores_ =
      *storage::open_sqlite(directory_.path() / "kith.db");
  const base::ManualClock clock_;
  const Scope ada_{TenantId("acme"), UserId("ada")};
  const Scope bob_{TenantId("acme"), UserId("bob")};
};

TEST_F(ProfileTest, TheExportHoldsEveryWordOfTheUserAndNoneOfAnother) {
  plant(ada_, "xylophonist");
  plant(bob_, "bassoonist");
  const auto exported = export_user(*stores_, ada_, clock_);
  ASSERT_TRUE(exported) << exported.error().message;
  const auto json = base::parse_json(*exported);
  ASSERT_TRUE(json);
  const Json& out = *json;
  EXPECT_EQ(out["attributes"]["note"], "xylophonist");
  EXPECT_EQ(out["consent"][0]["purpose"], "purpose-xylophonist");
  EXPECT_EQ(out["persona"]["evidence"]["said"], "xylophonist");
  EXPECT_EQ(out["persona"]["probabilities"]["field"], 1.0);
  EXPECT_EQ(out["persona_changes"][0]["to"], "field");
  EXPECT_EQ(out["conversations"][0]["turns"][1]["text"], "on xylophonist");
  EXPECT_EQ(out["conversations"][0]["turns"][1]["rating"], 5.0);
  EXPECT_EQ(out["decisions"][0]["document"]["query"], "xylophonist");
  EXPECT_EQ(out["feedback"][0]["text"], "xylophonist");
  EXPECT_EQ(out["api_keys"][0]["label"], "label xylophonist");
  EXPECT_EQ(out["api_keys"].size(), 1U);
  EXPECT_EQ(exported->find("bassoonist"), std::string::npos);
  EXPECT_EQ(exported->find("secret_hash"), std::string::npos);
}

TEST_F(ProfileTest, TheExportSaysWhatTheEncoderMadeOfTheUserAndErasureRemovesIt) {
  ASSERT_TRUE(stores_->timelines().add(
      ada_.tenant_scope(), std::array{storage::UserEvent{ada_.user, {"a", 5, 5, "click"}}}));
  storage::EmbeddingRow row;
  row.version = "encoder-one";
  row.num_events = 1;
  row.head = **stores_->timelines().head(ada_);
  row.made_at = clock_.now();
  row.vector = {0.6F, 0.8F};
  row.latents = {1.0F, 2.0F};
  row.num_latents = 1;
  ASSERT_TRUE(stores_->embeddings().put(ada_, row));
  const auto exported = export_user(*stores_, ada_, clock_);
  ASSERT_TRUE(exported) << exported.error().message;
  const auto embeddings = (*base::parse_json(*exported))["embeddings"];
  ASSERT_EQ(embeddings.size(), 1U);
  EXPECT_EQ(embeddings[0]["encoder_version"], "encoder-one");
  EXPECT_EQ(embeddings[0]["num_events"], 1);
  EXPECT_EQ(embeddings[0]["dimensions"], 2);
  EXPECT_EQ(embeddings[0]["last_event_at"], base::to_iso8601(5));
  EXPECT_EQ(erase_user(*stores_, ada_, clock_)->rows.at("user_embeddings"), 1);
  EXPECT_THAT(directory_.files_holding("encoder-one"), IsEmpty());
}

TEST_F(ProfileTest, NothingIsExportedOfAnUnknownUser) {
  EXPECT_EQ(export_user(*stores_, ada_, clock_).error().code, ErrorCode::kNotFound);
}

TEST_F(ProfileTest, AnErasedUserLeavesNoByteAndAReceipt) {
  plant(ada_, "xylophonist");
  plant(bob_, "bassoonist");
  const auto receipt = erase_user(*stores_, ada_, clock_);
  ASSERT_TRUE(receipt) << receipt.error().message;
  EXPECT_THAT(directory_.files_holding("xylophonist"), IsEmpty());
  EXPECT_FALSE(directory_.files_holding("bassoonist").empty());
  EXPECT_EQ(export_user(*stores_, ada_, clock_).error().code, ErrorCode::kNotFound);
  const auto json = base::parse_json(to_json(*receipt));
  EXPECT_EQ((*json)["erased_at"], base::to_iso8601(clock_.now()));
  EXPECT_EQ((*json)["rows"]["turns"], 2);
  EXPECT_EQ((*json)["total"], 12);
  EXPECT_EQ(erase_user(*stores_, ada_, clock_)->total(), 0);
}

TEST_F(ProfileTest, VersionsOfAdaptersAreExportedAndFlaggedAtErasure) {
  plant(ada_, "xylophonist");
  plant(bob_, "bassoonist");
  train(1, std::array{ada_, bob_});
  train(2, std::array{bob_});
  EXPECT_EQ((*base::parse_json(*export_user(*stores_, ada_, clock_)))["trained_into"],
            Json::array({"field@1"}));
  ASSERT_TRUE(erase_user(*stores_, ada_, clock_));
  EXPECT_THAT(directory_.files_holding("xylophonist"), IsEmpty());
  const auto versions = stores_->adapter_versions().list(AdapterId("field"));
  EXPECT_THAT(versions->at(0).flags, IsEmpty());
  EXPECT_THAT(versions->at(1).flags, testing::ElementsAre(storage::kFlagErasedContributor));
}

TEST_F(ProfileTest, ConsentThatCannotBeReadCountsAsRefused) {
  const auto faulty = storage::make_faulty(*stores_);
  EXPECT_TRUE(is_allowed(faulty->consents(), ada_, storage::kConsentLearn));
  faulty->set_plan({.fail_every = 1});
  EXPECT_FALSE(is_allowed(faulty->consents(), ada_, storage::kConsentLearn));
}

TEST(FieldsTest, ReadsTimesAsIsoOrUnixSeconds) {
  const Json record{{"iso", "1970-01-01T00:00:02Z"},
                    {"seconds", 1.5},
                    {"text", "3"},
                    {"bad", "next week"},
                    {"huge", 1e300}};
  EXPECT_EQ(*read_time(record, "iso", 0), 2'000'000);
  EXPECT_EQ(*read_time(record, "seconds", 0), 1'500'000);
  EXPECT_EQ(*read_time(record, "text", 0), 3'000'000);
  EXPECT_EQ(*read_time(record, "absent", 42), 42);
  EXPECT_FALSE(read_time(record, "bad", 0));
  EXPECT_FALSE(read_time(record, "huge", 0));
}

TEST(FieldsTest, RefusesMembersOfTheWrongKind) {
  const Json record{{"text", "x"}, {"list", Json::array({1})}, {"number", 7}, {"nan", "nan"}};
  EXPECT_FALSE(read_text(record, "list"));
  EXPECT_EQ(**read_text(record, "number"), "7");
  EXPECT_FALSE(require_text(record, "absent"));
  EXPECT_FALSE(read_real(record, "text"));
  EXPECT_FALSE(read_real(record, "nan"));
  EXPECT_FALSE(to_attributes(Json::array()));
  EXPECT_FALSE(to_attributes(Json{{"a", Json::array({Json::object()})}}));
  EXPECT_FALSE(to_flag(Json(2), "k"));
}

}  // namespace
}  // namespace kith::profile
