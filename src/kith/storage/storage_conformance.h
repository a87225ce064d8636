// What every backend must do, as one suite: instantiate StorageConformanceTest with a factory per
// backend. For tests only; include it in one file.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "kith/storage/history.h"
#include "kith/storage/store_set.h"

namespace kith::storage {

// Owns a backend on fresh storage.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual StoreSet& stores() = 0;
  // Closes and opens the backend on the same storage; references to stores become invalid.
  virtual void reopen() = 0;
};

struct BackendFactory {
  std::string name;
  std::function<std::unique_ptr<Backend>()> make;
};

inline void PrintTo(const BackendFactory& factory, std::ostream* out) { *out << factory.name; }

class StorageConformanceTest : public testing::TestWithParam<BackendFactory> {
 protected:
  StorageConformanceTest() : backend_(GetParam().make()) {}

  StoreSet& stores() { return backend_->stores(); }
  ConversationStore& conversations() { return stores().conversations(); }
  void reopen() { backend_->reopen(); }

  static NewTurn turn(const std::string& role, const std::string& text, base::UnixMicros at) {
    return NewTurn{role, text, at, std::nullopt, DecisionId{}, ""};
  }

  const Scope ada_{TenantId("acme"), UserId("ada")};
  const Scope bob_{TenantId("acme"), UserId("bob")};
  const Scope other_ada_{TenantId("globex"), UserId("ada")};

 private:
  std::unique_ptr<Backend> backend_;
};

template <typename T>
ErrorCode code_of(const Result<T>& result) {
  EXPECT_FALSE(result) << "expected an error";
  return result ? ErrorCode::kInternal : result.error().code;
}

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

TEST_P(StorageConformanceTest, KeepsUsersAndSaysWhatAWriteDid) {
  UserStore& users = stores().users();
  const Attributes first{{"title", "Nurse"}, {"address.city", "Leeds"}};
  EXPECT_EQ(*users.upsert(ada_, first, 100), WriteOutcome::kAdded);
  EXPECT_EQ(*users.upsert(ada_, first, 200), WriteOutcome::kUnchanged);
  EXPECT_EQ(*users.upsert(ada_, {{"title", "Surgeon"}}, 300), WriteOutcome::kUpdated);
  reopen();
  const auto user = stores().users().find(ada_);
  ASSERT_TRUE(user && *user);
  EXPECT_EQ(**user, (UserRow{ada_.user, {{"title", "Surgeon"}}, 100, 300, {{"title", 300}}}));
  EXPECT_FALSE(stores().users().find(bob_)->has_value());
}

TEST_P(StorageConformanceTest, AnAttributeKeepsTheTimeAtWhichItsValueWasRecorded) {
  UserStore& users = stores().users();
  ASSERT_TRUE(users.upsert(ada_, {{"grade", "graduate"}, {"site", "Leeds"}}, 100));
  ASSERT_TRUE(users.upsert(ada_, {{"grade", "senior"}, {"site", "Leeds"}}, 200));
  reopen();
  EXPECT_THAT((**stores().users().find(ada_)).recorded_at,
              ElementsAre(Pair("grade", 200), Pair("site", 100)));
  EXPECT_THAT((*stores().users().list(ada_.tenant_scope(), UserId{}, 1))[0].recorded_at,
              ElementsAre(Pair("grade", 200), Pair("site", 100)));
}

TEST_P(StorageConformanceTest, KeepsAnEventOnceAndListsTheNewestFirst) {
  EventStore& events = stores().events();
  const EventRow first{"a", kEventPersonaChanged, R"({"to":"field"})", 10};
  const EventRow second{"b", "other", "{}", 20};
  EXPECT_TRUE(*events.add(ada_, first));
  EXPECT_FALSE(*events.add(ada_, {"a", "other", "{}", 30}));
  EXPECT_TRUE(*events.add(ada_, second));
  EXPECT_TRUE(*events.add(bob_, first));
  reopen();
  EXPECT_THAT(*stores().events().list(ada_, "", 9), ElementsAre(second, first));
  EXPECT_THAT(*stores().events().list(ada_, kEventPersonaChanged, 9), ElementsAre(first));
  EXPECT_THAT(*stores().events().list(ada_, "", 1), ElementsAre(second));
  EXPECT_THAT(*stores().events().list(other_ada_, "", 9), IsEmpty());
  EXPECT_EQ(code_of(stores().events().add(ada_, {"", "kind", "{}", 1})),
            ErrorCode::kInvalidArgument);
}

TEST_P(StorageConformanceTest, ListsUsersOfOneTenantPageByPage) {
  for (const char* name : {"c", "a", "b"}) {
    ASSERT_TRUE(stores().users().upsert({ada_.tenant, UserId(name)}, {}, 1));
  }
  ASSERT_TRUE(stores().users().upsert(other_ada_, {}, 1));
  const auto first = stores().users().list(ada_.tenant_scope(), UserId{}, 2);
  ASSERT_TRUE(first);
  ASSERT_THAT(*first, SizeIs(2));
  EXPECT_EQ((*first)[1].id, UserId("b"));
  const auto rest = stores().users().list(ada_.tenant_scope(), UserId("b"), 2);
  ASSERT_THAT(*rest, SizeIs(1));
  EXPECT_EQ((*rest)[0].id, UserId("c"));
}

TEST_P(StorageConformanceTest, RefusesScopesWithoutTenantOrUser) {
  const Scope nobody{TenantId("acme"), UserId{}};
  EXPECT_EQ(code_of(stores().users().find(nobody)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(stores().consents().allows({TenantId{}, UserId("x")}, "learn")),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(
      code_of(conversations().recent_turns({TenantId("t"), UserId(std::string(300, 'x'))}, 1)),
      ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(stores().decisions().list({TenantId("t"), UserId("a\nb")}, 1)),
            ErrorCode::kInvalidArgument);
}

TEST_P(StorageConformanceTest, ConsentIsGivenUntilRefusedAndOnlyForThatUser) {
  ConsentStore& consents = stores().consents();
  EXPECT_TRUE(*consents.allows(ada_, kConsentLearn));
  EXPECT_EQ(*consents.set(ada_, kConsentLearn, false, 5), WriteOutcome::kAdded);
  EXPECT_EQ(*consents.set(ada_, kConsentLearn, false, 6), WriteOutcome::kUnchanged);
  EXPECT_FALSE(*consents.allows(ada_, kConsentLearn));
  EXPECT_TRUE(*consents.allows(ada_, kConsentPersonalize));
  EXPECT_FALSE(is_allowed(*consents.list(ada_), kConsentLearn));
  EXPECT_TRUE(is_allowed(*consents.list(ada_), kConsentPersonalize));
  EXPECT_TRUE(*consents.allows(bob_, kConsentLearn));
  EXPECT_TRUE(*consents.allows(other_ada_, kConsentLearn));
  EXPECT_EQ(*consents.set(ada_, kConsentLearn, true, 7), WriteOutcome::kUpdated);
  EXPECT_TRUE(*consents.allows(ada_, kConsentLearn));
  EXPECT_TRUE(is_allowed(*consents.list(ada_), kConsentLearn));
  EXPECT_THAT(*consents.list(ada_), ElementsAre(ConsentRow{kConsentLearn, true, 7}));
}

TEST_P(StorageConformanceTest, KeepsThePersonaPosteriorInOrder) {
  PersonaStore& personas = stores().personas();
  const PersonaAssignment assignment{
      {{PersonaId("field"), 0.7}, {PersonaId("lead"), 0.3}}, R"({"title":"rigger"})", "v1", 9};
  ASSERT_TRUE(personas.put(ada_, assignment));
  ASSERT_TRUE(personas.put(bob_, {{{PersonaId("lead"), 1.0}}, "{}", "v1", 9}));
  ASSERT_TRUE(personas.put(ada_, assignment));
  reopen();
  EXPECT_EQ(**stores().personas().find(ada_), assignment);
  EXPECT_FALSE(stores().personas().find(other_ada_)->has_value());
  EXPECT_THAT(*stores().personas().count_users(ada_.tenant_scope()),
              ElementsAre(Pair(PersonaId("field"), 1), Pair(PersonaId("lead"), 1)));
  EXPECT_EQ(code_of(stores().personas().put(ada_, {})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(stores().personas().put(ada_, {{{PersonaId("x"), 1.5}}, "{}", "", 1})),
            ErrorCode::kInvalidArgument);
}

TEST_P(StorageConformanceTest, AppendsTurnsOnce) {
  const ConversationId id("c1");
  const std::array turns{turn("user", "hello", 10), turn("assistant", "hi", 11)};
  EXPECT_EQ(*conversations().append(ada_, id, 0, turns), 2);
  EXPECT_EQ(*conversations().append(ada_, id, 0, turns), 0);
  const std::array more{turn("assistant", "hi", 99), turn("user", "bye", 12)};
  EXPECT_EQ(*conversations().append(ada_, id, 1, more), 1);
  reopen();
  const auto stored = conversations().turns(ada_, id);
  ASSERT_TRUE(stored);
  ASSERT_THAT(*stored, SizeIs(3));
  EXPECT_EQ((*stored)[1].text, "hi");
  EXPECT_EQ((*stored)[1].at, 11);
  EXPECT_EQ((*stored)[2].index, 2);
  const auto row = conversations().find(ada_, id);
  ASSERT_TRUE(row && *row);
  EXPECT_EQ(**row, (ConversationRow{id, 10, 12, 3, ConversationId{}, 0}));
}

TEST_P(StorageConformanceTest, AConflictingAppendLeavesNothing) {
  const ConversationId id("c1");
  ASSERT_TRUE(conversations().append(ada_, id, 0, std::array{turn("user", "one", 1)}));
  const std::array edited{turn("user", "changed", 2), turn("assistant", "two", 3)};
  EXPECT_EQ(code_of(conversations().append(ada_, id, 0, edited)), ErrorCode::kConflict);
  const std::array gap{turn("user", "four", 4)};
  EXPECT_EQ(code_of(conversations().append(ada_, id, 2, gap)), ErrorCode::kInvalidArgument);
  const std::array half_bad{turn("assistant", "two", 3), turn("", "three", 4)};
  EXPECT_EQ(code_of(conversations().append(ada_, id, 1, half_bad)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(conversations().append(ada_, ConversationId("c2"), 5, gap)),
            ErrorCode::kInvalidArgument);
  EXPECT_THAT(*conversations().turns(ada_, id), SizeIs(1));
  EXPECT_THAT(*conversations().list(ada_, 10), SizeIs(1));
}

TEST_P(StorageConformanceTest, ForksShareTheirFirstTurns) {
  const ConversationId id("c1");
  const std::array turns{turn("user", "a", 1), turn("assistant", "b", 2), turn("user", "c", 3)};
  ASSERT_TRUE(conversations().append(ada_, id, 0, turns));
  ASSERT_TRUE(conversations().fork(ada_, id, 2, ConversationId("c2"), 4));
  ASSERT_TRUE(
      conversations().append(ada_, ConversationId("c2"), 2, std::array{turn("user", "d", 5)}));
  const auto forked = conversations().turns(ada_, ConversationId("c2"));
  ASSERT_THAT(*forked, SizeIs(3));
  EXPECT_EQ((*forked)[1].text, "b");
  EXPECT_EQ((*forked)[2].text, "d");
  EXPECT_EQ((*conversations().find(ada_, ConversationId("c2")))->forked_from, id);
  EXPECT_EQ(code_of(conversations().fork(ada_, id, 1, ConversationId("c2"), 4)),
            ErrorCode::kConflict);
  EXPECT_EQ(code_of(conversations().fork(ada_, id, 9, ConversationId("c3"), 4)),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(conversations().fork(bob_, id, 1, ConversationId("c3"), 4)),
            ErrorCode::kNotFound);
}

TEST_P(StorageConformanceTest, RecentTurnsAreInOrderOfTimeAndCountForkedTurnsOnce) {
  const std::array first{turn("user", "a", 1), turn("assistant", "b", 2)};
  ASSERT_TRUE(conversations().append(ada_, ConversationId("c1"), 0, first));
  ASSERT_TRUE(conversations().fork(ada_, ConversationId("c1"), 2, ConversationId("c2"), 3));
  const std::array second{turn("user", "c", 4)};
  ASSERT_TRUE(conversations().append(ada_, ConversationId("c2"), 2, second));
  const auto texts = [](const std::vector<TurnRow>& turns) {
    std::string joined;
    for (const TurnRow& row : turns) joined += row.text;
    return joined;
  };
  EXPECT_EQ(texts(*conversations().recent_turns(ada_, 10)), "abc");
  EXPECT_EQ(texts(*conversations().recent_turns(ada_, 2)), "bc");
}

TEST_P(StorageConformanceTest, FindsTurnsByPrefixAndCompletionWithinOneUserOnly) {
  NewTurn answer = turn("assistant", "hi", 2);
  answer.completion = "chatcmpl-1";
  answer.decision = DecisionId("d1");
  const std::array turns{turn("user", "hello", 1), answer};
  ASSERT_TRUE(conversations().append(ada_, ConversationId("c1"), 0, turns));
  const std::string prefix =
      prefix_hash(prefix_hash("", content_hash("user", "hello")), content_hash("assistant", "hi"));
  EXPECT_THAT(*conversations().find_prefix(ada_, prefix),
              ElementsAre(TurnRef{ConversationId("c1"), 1}));
  EXPECT_THAT(*conversations().find_prefix(bob_, prefix), IsEmpty());
  EXPECT_THAT(*conversations().find_prefix(other_ada_, prefix), IsEmpty());
  const auto found = conversations().find_completion(ada_, "chatcmpl-1");
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->decision, DecisionId("d1"));
  EXPECT_FALSE(conversations().find_completion(bob_, "chatcmpl-1")->has_value());
  EXPECT_FALSE(conversations().find_completion(ada_, "")->has_value());
}

TEST_P(StorageConformanceTest, RatesATurn) {
  ASSERT_TRUE(
      conversations().append(ada_, ConversationId("c"), 0, std::array{turn("assistant", "x", 1)}));
  EXPECT_TRUE(conversations().set_rating(ada_, {ConversationId("c"), 0}, 4.0));
  EXPECT_EQ((*conversations().turns(ada_, ConversationId("c")))[0].rating, 4.0);
  EXPECT_EQ(code_of(conversations().set_rating(ada_, {ConversationId("c"), 1}, 4.0)),
            ErrorCode::kNotFound);
  EXPECT_EQ(code_of(conversations().set_rating(bob_, {ConversationId("c"), 0}, 4.0)),
            ErrorCode::kNotFound);
}

TEST_P(StorageConformanceTest, KeepsTextsByteForByte) {
  using namespace std::string_literals;
  const std::string text = "nul \0, quote ', \xE4\xBD\xA0\xE5\xA5\xBD, \xF0\x9F\x98\x80"s;
  ASSERT_TRUE(
      conversations().append(ada_, ConversationId("c"), 0, std::array{turn("user", text, 1)}));
  reopen();
  EXPECT_EQ((*conversations().turns(ada_, ConversationId("c")))[0].text, text);
}

TEST_P(StorageConformanceTest, KeepsDecisionsOnce) {
  DecisionRow row;
  row.id = DecisionId("d1");
  row.conversation = ConversationId("c1");
  row.completion = "chatcmpl-7";
  row.at = 50;
  row.persona = PersonaId("field");
  row.adapter = AdapterId("field-v1");
  row.chosen = "extract";
  row.probability = 0.125;
  row.document = R"({"plan":[]})";
  ASSERT_TRUE(stores().decisions().put(ada_, row));
  ASSERT_TRUE(stores().decisions().put(ada_, row));
  EXPECT_EQ(code_of(stores().decisions().put(bob_, row)), ErrorCode::kConflict);
  reopen();
  DecisionRow expected = row;
  expected.user = ada_.user;
  EXPECT_EQ(**stores().decisions().find(ada_, row.id), expected);
  EXPECT_EQ(**stores().decisions().find_completion(ada_, "chatcmpl-7"), expected);
  EXPECT_EQ(**stores().decisions().find_in_tenant(ada_.tenant_scope(), row.id), expected);
  EXPECT_FALSE(stores().decisions().find(bob_, row.id)->has_value());
  EXPECT_FALSE(stores().decisions().find_in_tenant(other_ada_.tenant_scope(), row.id)->has_value());
  EXPECT_THAT(*stores().decisions().list(ada_, 5), ElementsAre(expected));
  row.id = DecisionId("d2");
  row.probability = 0.0;
  EXPECT_EQ(code_of(stores().decisions().put(ada_, row)), ErrorCode::kInvalidArgument);
}

TEST_P(StorageConformanceTest, CountsFeedbackOncePerKeyAndTakesItLate) {
  const FeedbackRow thumb{"k1", DecisionId("d1"), "thumb", 1.0, "", 60, 70};
  const FeedbackRow reply{"k2", DecisionId("d1"), "reply", std::nullopt, "thanks", 10, 9'000'000};
  EXPECT_TRUE(*stores().feedback().add(ada_, thumb));
  EXPECT_FALSE(*stores().feedback().add(ada_, thumb));
  EXPECT_TRUE(*stores().feedback().add(ada_, reply));
  EXPECT_TRUE(*stores().feedback().add(bob_, thumb));
  reopen();
  EXPECT_THAT(*stores().feedback().list_decision(ada_, DecisionId("d1")),
              ElementsAre(reply, thumb));
  EXPECT_THAT(*stores().feedback().list(ada_, 1), ElementsAre(thumb));
  FeedbackRow bad = thumb;
  bad.key = "k3";
  bad.value = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(code_of(stores().feedback().add(ada_, bad)), ErrorCode::kInvalidArgument);
  bad.value = 1.0;
  bad.kind = "";
  EXPECT_EQ(code_of(stores().feedback().add(ada_, bad)), ErrorCode::kInvalidArgument);
}

inline DocumentRow document(const std::string& id, const std::string& text,
                            std::vector<std::string> access = {}, const std::string& lang = "en") {
  return DocumentRow{DocumentId(id), "Title " + id, text, lang, std::move(access), "h" + text, 1};
}

inline NewChunk whole_chunk(const std::string& title, const std::string& text) {
  return NewChunk{"", 0, text.size(), title, text};
}

TEST_P(StorageConformanceTest, FindsChunksByWordsBestFirst) {
  KnowledgeStore& knowledge = stores().knowledge();
  const TenantScope acme = ada_.tenant_scope();
  const std::string text = "vpn setup\nprinter paper";
  const std::array chunks{NewChunk{"VPN", 0, 9, "vpn", "vpn setup"},
                          NewChunk{"Paper", 10, 23, "paper", "printer paper"}};
  ASSERT_EQ(*knowledge.put(acme, document("a", text), chunks), WriteOutcome::kAdded);
  ASSERT_TRUE(knowledge.put(acme, document("b", "use the vpn with your badge"),
                            std::array{whole_chunk("badge", "use the vpn with your badge")}));
  const auto hits = knowledge.search(acme, {{"vpn", "setup"}, {}, "", 3.0, 10});
  ASSERT_TRUE(hits);
  ASSERT_THAT(*hits, SizeIs(2));
  EXPECT_EQ((*hits)[0].document, DocumentId("a"));
  EXPECT_EQ((*hits)[0].heading, "VPN");
  EXPECT_EQ((*hits)[0].text, "vpn setup");
  EXPECT_EQ((*hits)[0].start, 0U);
  EXPECT_EQ((*hits)[0].end, 9U);
  EXPECT_GT((*hits)[0].score, (*hits)[1].score);
  EXPECT_THAT(*knowledge.search(acme, {{"vpn"}, {}, "", 3.0, 1}), SizeIs(1));
  EXPECT_THAT(*knowledge.search(acme, {{"zebra"}, {}, "", 3.0, 10}), IsEmpty());
  EXPECT_THAT(*knowledge.search(acme, {{}, {}, "", 3.0, 10}), IsEmpty());
  const auto counts = knowledge.count_terms(acme, std::array<std::string, 2>{"vpn", "zebra"});
  EXPECT_THAT(*counts, ElementsAre(2, 0));
}

TEST_P(StorageConformanceTest, WithoutDocumentsEveryTermCountsZero) {
  const std::array<std::string, 2> terms{"vpn", "zebra"};
  EXPECT_THAT(*stores().knowledge().count_terms(ada_.tenant_scope(), terms), ElementsAre(0, 0));
  EXPECT_THAT(*stores().knowledge().count_terms(ada_.tenant_scope(), {}), IsEmpty());
}

TEST_P(StorageConformanceTest, QueryTermsAreNeverQuerySyntax) {
  const TenantScope acme = ada_.tenant_scope();
  ASSERT_TRUE(stores().knowledge().put(acme, document("a", "plain not near"),
                                       std::array{whole_chunk("t", "plain not near")}));
  for (const std::string& term :
       {std::string("\""), std::string("NEAR("), std::string("a\"b OR c"), std::string("*"),
        std::string("title:"), std::string("\0x", 2), std::string("\xFF\xFE")}) {
    EXPECT_TRUE(stores().knowledge().search(acme, {{term}, {}, "", 3.0, 10})) << term;
  }
  EXPECT_THAT(*stores().knowledge().search(acme, {{"not"}, {}, "", 3.0, 10}), SizeIs(1));
}

TEST_P(StorageConformanceTest, ShowsDocumentsToTheirGroupsTenantAndLanguageOnly) {
  KnowledgeStore& knowledge = stores().knowledge();
  const TenantScope acme = ada_.tenant_scope();
  const auto put = [&](const char* id, std::vector<std::string> access, const char* lang) {
    ASSERT_TRUE(knowledge.put(acme, document(id, "word", std::move(access), lang),
                              std::array{whole_chunk("t", "word")}));
  };
  put("open", {}, "en");
  put("everybody", {kAccessAll}, "en");
  put("hr", {"hr", "board"}, "en");
  put("zh", {}, "zh");
  const auto found = [&](const TenantScope& scope, std::vector<std::string> groups,
                         const char* lang) {
    std::vector<std::string> ids;
    const auto hits = knowledge.search(scope, {{"word"}, std::move(groups), lang, 3.0, 10});
    for (const ChunkHit& hit : *hits) {
      ids.push_back(hit.document.str());
    }
    return ids;
  };
  using testing::UnorderedElementsAre;
  EXPECT_THAT(found(acme, {}, "en"), UnorderedElementsAre("open", "everybody"));
  EXPECT_THAT(found(acme, {"hr"}, "en"), UnorderedElementsAre("open", "everybody", "hr"));
  EXPECT_THAT(found(acme, {"HR'"}, ""), UnorderedElementsAre("open", "everybody", "zh"));
  EXPECT_THAT(found(other_ada_.tenant_scope(), {"hr"}, ""), IsEmpty());
}

TEST_P(StorageConformanceTest, FindsAnOpenDocumentBehindManyBetterOnesOfOtherGroups) {
  KnowledgeStore& knowledge = stores().knowledge();
  const TenantScope acme = ada_.tenant_scope();
  for (int i = 0; i < 70; ++i) {
    ASSERT_TRUE(knowledge.put(acme, document("secret" + std::to_string(i), "word word", {"hr"}),
                              std::array{whole_chunk("word", "word word")}));
  }
  ASSERT_TRUE(knowledge.put(acme, document("open", "word among many others here"),
                            std::array{whole_chunk("t", "word among many others here")}));
  const auto hits = knowledge.search(acme, {{"word"}, {}, "", 3.0, 1});
  ASSERT_THAT(*hits, SizeIs(1));
  EXPECT_EQ((*hits)[0].document, DocumentId("open"));
}

TEST_P(StorageConformanceTest, ReplacesAndErasesDocuments) {
  KnowledgeStore& knowledge = stores().knowledge();
  const TenantScope acme = ada_.tenant_scope();
  ASSERT_TRUE(knowledge.put(acme, document("a", "old"), std::array{whole_chunk("t", "old")}));
  EXPECT_EQ(*knowledge.put(acme, document("a", "old"), std::array{whole_chunk("t", "old")}),
            WriteOutcome::kUnchanged);
  EXPECT_EQ(*knowledge.put(acme, document("a", "new"), std::array{whole_chunk("t", "new")}),
            WriteOutcome::kUpdated);
  EXPECT_THAT(*knowledge.search(acme, {{"old"}, {}, "", 3.0, 10}), IsEmpty());
  EXPECT_THAT(*knowledge.search(acme, {{"new"}, {}, "", 3.0, 10}), SizeIs(1));
  EXPECT_EQ((*knowledge.find(acme, DocumentId("a")))->text, "new");
  EXPECT_THAT(*knowledge.list(acme, DocumentId{}, 10), SizeIs(1));
  EXPECT_EQ(
      code_of(knowledge.put(acme, document("b", "xy"), std::array{NewChunk{"", 1, 3, "t", "xy"}})),
      ErrorCode::kInvalidArgument);
  EXPECT_TRUE(*knowledge.erase(acme, DocumentId("a")));
  EXPECT_FALSE(*knowledge.erase(acme, DocumentId("a")));
  EXPECT_THAT(*knowledge.search(acme, {{"new"}, {}, "", 3.0, 10}), IsEmpty());
}

TEST_P(StorageConformanceTest, KeepsApiKeysByIdAndRevokesThem) {
  const ApiKeyRow key{"id1", "00ff", KeyRole::kOperator, ada_.tenant, UserId{}, "ci", 5, {}};
  EXPECT_FALSE(*stores().keys().has_any());
  ASSERT_TRUE(stores().keys().add(key));
  EXPECT_TRUE(*stores().keys().has_any());
  EXPECT_EQ(code_of(stores().keys().add(key)), ErrorCode::kConflict);
  reopen();
  EXPECT_EQ(**stores().keys().find("id1"), key);
  EXPECT_FALSE(stores().keys().find("id2")->has_value());
  EXPECT_FALSE(*stores().keys().revoke(other_ada_.tenant_scope(), "id1", 8));
  EXPECT_TRUE(*stores().keys().revoke(ada_.tenant_scope(), "id1", 8));
  EXPECT_FALSE(*stores().keys().revoke(ada_.tenant_scope(), "id1", 9));
  EXPECT_EQ((*stores().keys().find("id1"))->revoked_at, 8);
  EXPECT_TRUE(*stores().keys().has_any());
  EXPECT_THAT(*stores().keys().list(ada_.tenant_scope()), SizeIs(1));
  EXPECT_THAT(*stores().keys().list(other_ada_.tenant_scope()), IsEmpty());
}

inline AdapterVersionRow new_version(const std::string& adapter, int version) {
  AdapterVersionRow row;
  row.id = {AdapterId(adapter), version};
  row.path = "adapters/" + to_string(row.id);
  row.content_hash = "00";
  row.created_at = 5;
  row.created_by = "test";
  row.reason = "because";
  return row;
}

TEST_P(StorageConformanceTest, KeepsVersionsOfAdaptersWithTheirLineage) {
  EXPECT_EQ(*stores().adapter_versions().next_version(AdapterId("field")), 1);
  AdapterVersionRow row = new_version("field", 1);
  row.parents = {"use_case@2", "field \"quoted\""};
  row.base_hash = "b";
  row.data_hash = "d";
  row.recipe_hash = "r";
  row.metrics = "{\"loss\":1.5}";
  ASSERT_TRUE(stores().adapter_versions().add(row, {}));
  EXPECT_EQ(code_of(stores().adapter_versions().add(row, {})), ErrorCode::kConflict);
  reopen();
  AdapterVersionStore& versions = stores().adapter_versions();
  EXPECT_EQ(**versions.find(row.id), row);
  EXPECT_EQ(*versions.next_version(AdapterId("field")), 2);
  ASSERT_TRUE(versions.set_metrics(row.id, "{}"));
  EXPECT_EQ((**versions.find(row.id)).metrics, "{}");
  EXPECT_FALSE(versions.find({AdapterId("field"), 2})->has_value());
  ASSERT_TRUE(versions.add(new_version("field", 2), {}));
  ASSERT_TRUE(versions.add(new_version("desk", 1), {}));
  EXPECT_EQ(versions.list(AdapterId("field"))->at(0).id.version, 2);
  EXPECT_THAT(*versions.list(AdapterId{}), SizeIs(3));
  EXPECT_EQ(versions.list(AdapterId{})->at(0).id.adapter, AdapterId("desk"));
}

TEST_P(StorageConformanceTest, RefusesVersionsWithoutNameNumberOrFiles) {
  AdapterVersionStore& versions = stores().adapter_versions();
  EXPECT_EQ(code_of(versions.add(new_version("", 1), {})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(versions.add(new_version("field", 0), {})), ErrorCode::kInvalidArgument);
  AdapterVersionRow row = new_version("field", 1);
  row.path.clear();
  EXPECT_EQ(code_of(versions.add(row, {})), ErrorCode::kInvalidArgument);
  const AdapterVersionId none{AdapterId("field"), 7};
  EXPECT_EQ(code_of(versions.change({.id = none, .to = VersionStatus::kServing})),
            ErrorCode::kNotFound);
  EXPECT_EQ(code_of(versions.set_gate(none, {}, "")), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(versions.set_metrics(none, "{}")), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(versions.set_trial(none, "{}")), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(versions.add_flag(none, "odd", 1)), ErrorCode::kNotFound);
}

TEST_P(StorageConformanceTest, OneVersionServesAndHistorySaysHowItCameToThat) {
  AdapterVersionStore& versions = stores().adapter_versions();
  const AdapterVersionId first{AdapterId("field"), 1};
  const AdapterVersionId second{AdapterId("field"), 2};
  ASSERT_TRUE(versions.add(new_version("field", 1), {}));
  ASSERT_TRUE(versions.add(new_version("field", 2), {}));
  using enum VersionStatus;
  ASSERT_TRUE(versions.change({first, std::nullopt, kServing, "ann", "better", 10}));
  ASSERT_TRUE(versions.change({second, kCandidate, kServing, "bob", "best", 20}));
  EXPECT_EQ(code_of(versions.change({second, kCandidate, kServing, "bob", "again", 21})),
            ErrorCode::kConflict);
  EXPECT_EQ(code_of(versions.change({first, kRetired, kRefused, "bob", "no", 21})),
            ErrorCode::kConflict);
  EXPECT_EQ((**versions.find(first)).status, kRetired);
  EXPECT_EQ((**versions.find_status(AdapterId("field"), kServing)).id, second);
  EXPECT_FALSE(versions.find_status(AdapterId("other"), kServing)->has_value());
  const auto history = versions.history(AdapterId("field"), 9);
  ASSERT_THAT(*history, SizeIs(5));
  EXPECT_EQ(history->at(0), (VersionChange{second, kCandidate, kServing, "bob", "best", 20}));
  EXPECT_EQ(history->at(1),
            (VersionChange{first, kServing, kRetired, "bob", "field@2 takes its place", 20}));
  EXPECT_EQ(history->at(4), (VersionChange{first, std::nullopt, kCandidate, "test", "because", 5}));
  EXPECT_THAT(*versions.history(AdapterId{}, 2), SizeIs(2));
  ASSERT_TRUE(
      versions.change({first, kRetired, kServing, "bob", "back", 30}, {.withdraws_former = true}));
  EXPECT_EQ((**versions.find(second)).status, kWithdrawn);
  ASSERT_TRUE(versions.set_gate(second, {true, "{}", 40}, "gate"));
  EXPECT_EQ((**versions.find(second)).status, kCandidate);
}

TEST_P(StorageConformanceTest, CanaryAndShadowHaveAShareAndATrial) {
  AdapterVersionStore& versions = stores().adapter_versions();
  const AdapterVersionId id{AdapterId("field"), 1};
  ASSERT_TRUE(versions.add(new_version("field", 1), {}));
  using enum VersionStatus;
  EXPECT_EQ(code_of(versions.set_trial(id, "{}")), ErrorCode::kConflict);
  EXPECT_EQ(code_of(versions.change({.id = id, .to = kCanary}, {.share = 0.0})),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(versions.change({.id = id, .to = kCanary}, {.share = 1.5})),
            ErrorCode::kInvalidArgument);
  ASSERT_TRUE(versions.change({.id = id, .to = kShadow}, {.share = 0.25}));
  ASSERT_TRUE(versions.set_trial(id, "{\"n\":1}"));
  EXPECT_EQ((**versions.find(id)).share, 0.25);
  EXPECT_EQ((**versions.find(id)).trial, "{\"n\":1}");
  ASSERT_TRUE(versions.change({.id = id, .to = kCanary}, {.share = 0.5}));
  EXPECT_EQ((**versions.find(id)).trial, "");
  ASSERT_TRUE(versions.set_trial(id, "{\"n\":2}"));
  ASSERT_TRUE(versions.change({.id = id, .to = kWithdrawn}));
  EXPECT_EQ((**versions.find(id)).share, 0.0);
  EXPECT_EQ((**versions.find(id)).trial, "{\"n\":2}");
}

TEST_P(StorageConformanceTest, AGateRefusesACandidateAndMayChangeItsMind) {
  AdapterVersionStore& versions = stores().adapter_versions();
  const AdapterVersionId id{AdapterId("field"), 1};
  ASSERT_TRUE(versions.add(new_version("field", 1), {}));
  const GateOutcome failed{false, "{\"checks\":[]}", 7};
  ASSERT_TRUE(versions.set_gate(id, failed, "gate"));
  EXPECT_EQ((**versions.find(id)).status, VersionStatus::kRefused);
  EXPECT_EQ((**versions.find(id)).gate, failed);
  EXPECT_EQ(code_of(versions.change({.id = id, .to = VersionStatus::kServing})),
            ErrorCode::kConflict);
  ASSERT_TRUE(versions.set_gate(id, {true, "{}", 8}, "gate"));
  EXPECT_EQ((**versions.find(id)).status, VersionStatus::kCandidate);
  ASSERT_TRUE(versions.change({.id = id, .to = VersionStatus::kServing}));
  ASSERT_TRUE(versions.set_gate(id, failed, "gate"));
  EXPECT_EQ((**versions.find(id)).status, VersionStatus::kServing);
}

TEST_P(StorageConformanceTest, CountsTheFirstThumbOfEachUserForAVersion) {
  const auto answer = [&](const Scope& scope, const std::string& id, int version,
                          base::UnixMicros at) {
    DecisionRow row;
    row.id = DecisionId(id);
    row.adapter = AdapterId("field");
    row.adapter_version = version;
    row.at = at;
    ASSERT_TRUE(stores().decisions().put(scope, row));
    EXPECT_EQ((**stores().decisions().find(scope, row.id)).adapter_version, version);
  };
  const auto thumb = [&](const Scope& scope, const std::string& id, double value,
                         base::UnixMicros at) {
    ASSERT_TRUE(stores().feedback().add(
        scope, {id + std::to_string(at), DecisionId(id), "thumb", value, "", at, at}));
  };
  answer(ada_, "a1", 1, 10);
  answer(ada_, "a2", 1, 11);
  answer(ada_, "a3", 2, 12);
  answer(bob_, "b1", 1, 13);
  answer(bob_, "b0", 0, 13);
  answer(other_ada_, "o1", 2, 14);
  thumb(ada_, "a2", -1.0, 20);
  thumb(ada_, "a1", 1.0, 21);
  thumb(ada_, "a3", -1.0, 22);
  thumb(bob_, "b1", 1.0, 23);
  thumb(bob_, "b0", 1.0, 23);
  thumb(other_ada_, "o1", -1.0, 24);
  AdapterVersionStore& versions = stores().adapter_versions();
  EXPECT_THAT(*versions.thumbs(AdapterId("field"), 0),
              ElementsAre(VersionThumbs{1, 1, 1}, VersionThumbs{2, 0, 2}));
  EXPECT_THAT(*versions.thumbs(AdapterId("field"), 14), ElementsAre(VersionThumbs{2, 0, 1}));
  EXPECT_THAT(*versions.thumbs(AdapterId("desk"), 0), IsEmpty());
}

TEST_P(StorageConformanceTest, AnErasedContributorIsForgottenAndTheVersionFlagged) {
  AdapterVersionStore& versions = stores().adapter_versions();
  for (const Scope& scope : {ada_, bob_}) ASSERT_TRUE(stores().users().upsert(scope, {}, 1));
  const AdapterVersionId both{AdapterId("field"), 1};
  const AdapterVersionId one{AdapterId("field"), 2};
  const AdapterVersionId late{AdapterId("field"), 3};
  ASSERT_TRUE(versions.add(new_version("field", 1), std::array{bob_, ada_}));
  ASSERT_TRUE(versions.add(new_version("field", 2), std::array{bob_}));
  EXPECT_THAT(*versions.contributors(both), ElementsAre(ada_, bob_));
  EXPECT_THAT(*versions.contributions(bob_), ElementsAre(both, one));
  ASSERT_TRUE(stores().users().erase(ada_, 30));
  EXPECT_THAT(*versions.contributors(both), ElementsAre(bob_));
  EXPECT_THAT(*versions.contributions(ada_), IsEmpty());
  EXPECT_THAT((**versions.find(both)).flags, ElementsAre(kFlagErasedContributor));
  EXPECT_THAT((**versions.find(one)).flags, IsEmpty());
  // Erased between the reading of the data and the end of the training.
  ASSERT_TRUE(versions.add(new_version("field", 3), std::array{ada_, bob_}));
  EXPECT_THAT((**versions.find(late)).flags, ElementsAre(kFlagErasedContributor));
  EXPECT_THAT(*versions.contributors(late), ElementsAre(bob_));
  EXPECT_FALSE(stores().users().find(ada_)->has_value());
  EXPECT_FALSE(*versions.add_flag(late, kFlagErasedContributor, 40));
  EXPECT_TRUE(*versions.add_flag(late, "data_withdrawn", 40));
  EXPECT_THAT((**versions.find(late)).flags, ElementsAre("data_withdrawn", kFlagErasedContributor));
}

TEST_P(StorageConformanceTest, AShadowAnswerStandsInItsDecision) {
  DecisionRow decision;
  decision.id = DecisionId("d1");
  decision.document = R"({"query":"why"})";
  ASSERT_TRUE(stores().decisions().put(ada_, decision));
  const auto set = [&](const Scope& scope, const std::string& shadow) {
    return stores().decisions().set_shadow(scope, DecisionId("d1"), shadow);
  };
  EXPECT_TRUE(*set(ada_, R"({"text":"first"})"));
  EXPECT_TRUE(*set(ada_, R"({"text":"second \"quoted\""})"));
  EXPECT_EQ((**stores().decisions().find(ada_, DecisionId("d1"))).document,
            R"({"query":"why","shadow":{"text":"second \"quoted\""}})");
  EXPECT_FALSE(*set(bob_, R"({"text":"not his"})"));
  EXPECT_EQ(code_of(set(ada_, "no json")), ErrorCode::kInvalidArgument);
}

inline DecisionRow answered_for(const char* id, const char* persona, base::UnixMicros at) {
  DecisionRow row;
  row.id = DecisionId(id);
  row.persona = PersonaId(persona);
  row.at = at;
  return row;
}

TEST_P(StorageConformanceTest, AnswersOfAShadowAreFoundByItsVersion) {
  const auto answer = [&](const Scope& scope, const char* id, int version, base::UnixMicros at) {
    DecisionRow row = answered_for(id, "field", at);
    row.adapter = AdapterId("field");
    ASSERT_TRUE(stores().decisions().put(scope, row));
    if (version == 0) return;
    ASSERT_TRUE(*stores().decisions().set_shadow(
        scope, row.id, "{\"version\":" + std::to_string(version) + ",\"text\":\"" + id + "\"}"));
  };
  answer(ada_, "d1", 2, 10);
  answer(bob_, "d2", 2, 11);
  answer(other_ada_, "d3", 2, 12);
  answer(bob_, "d4", 3, 13);
  answer(bob_, "d5", 0, 14);
  AdapterVersionStore& versions = stores().adapter_versions();
  const auto found = versions.shadows({AdapterId("field"), 2}, 9);
  ASSERT_EQ(found->size(), 3U);
  EXPECT_EQ(found->front(), (ShadowAnswer{other_ada_, R"({"version":2,"text":"d3"})"}));
  EXPECT_EQ(found->back().scope.user, ada_.user);
  EXPECT_EQ(versions.shadows({AdapterId("field"), 2}, 1)->size(), 1U);
  EXPECT_TRUE(versions.shadows({AdapterId("lead"), 2}, 9)->empty());
  ASSERT_TRUE(stores().users().erase(bob_, 40));
  EXPECT_EQ(versions.shadows({AdapterId("field"), 2}, 9)->size(), 2U);
  EXPECT_TRUE(versions.shadows({AdapterId("field"), 3}, 9)->empty());
}

TEST_P(StorageConformanceTest, NotesWhenAnotherPersonaBecomesTheMostLikelyOne) {
  PersonaStore& personas = stores().personas();
  const auto put = [&](const Scope& scope, const char* persona, base::UnixMicros at) {
    return personas.put(scope, {{{PersonaId(persona), 0.9}}, "{}", "v1", at});
  };
  ASSERT_TRUE(put(ada_, "field", 10));
  ASSERT_TRUE(put(ada_, "field", 20));
  ASSERT_TRUE(put(ada_, "lead", 30));
  ASSERT_TRUE(put(bob_, "lead", 30));
  reopen();
  EXPECT_THAT(*stores().personas().changes(ada_),
              ElementsAre(PersonaChange{10, PersonaId{}, PersonaId("field")},
                          PersonaChange{30, PersonaId("field"), PersonaId("lead")}));
  EXPECT_THAT(*stores().personas().changes(other_ada_), IsEmpty());
}

inline UserEvent event_of(const Scope& scope, std::string id, base::UnixMicros at,
                          std::string item = "") {
  return {scope.user, {std::move(id), at, 100, "rating", std::move(item), {}, {}, ""}};
}

inline std::vector<std::string> ids_of(const Result<std::vector<PlacedEvent>>& events) {
  std::vector<std::string> ids;
  EXPECT_TRUE(events);
  for (const auto& placed : *events) ids.push_back(placed.event.id);
  return ids;
}

TEST_P(StorageConformanceTest, KeepsATimelineInOrderOfTimeThenOfArrival) {
  TimelineStore& timelines = stores().timelines();
  const UserEvent whole{ada_.user,
                        {"z", 20, 90, "rating", "item", {{"genre", "\"drama\""}}, 4.5, "a text"}};
  const std::array events{whole, event_of(ada_, "b", 30), event_of(ada_, "a", 30),
                          event_of(bob_, "z", 5)};
  EXPECT_THAT(*timelines.add(ada_.tenant_scope(), events), testing::Each(WriteOutcome::kAdded));
  reopen();
  const auto all = stores().timelines().newest(ada_, {}, 9);
  EXPECT_THAT(ids_of(all), ElementsAre("z", "b", "a"));
  EXPECT_EQ(all->front().event, whole.event);
  EXPECT_THAT(ids_of(stores().timelines().newest(ada_, {}, 2)), ElementsAre("b", "a"));
  EXPECT_THAT(ids_of(stores().timelines().newest(ada_, all->at(2).position, 1)), ElementsAre("b"));
  EXPECT_THAT(ids_of(stores().timelines().after(ada_, all->at(0).position, 9)),
              ElementsAre("b", "a"));
  EXPECT_THAT(ids_of(stores().timelines().after(ada_, {}, 1)), ElementsAre("z"));
  EXPECT_EQ((*stores().timelines().head(ada_))->last, all->back().position);
  EXPECT_THAT(ids_of(stores().timelines().newest(other_ada_, {}, 9)), IsEmpty());
  EXPECT_THAT(*stores().timelines().users(ada_.tenant_scope(), UserId(), 9),
              ElementsAre(ada_.user, bob_.user));
  EXPECT_THAT(*stores().timelines().users(ada_.tenant_scope(), ada_.user, 9),
              ElementsAre(bob_.user));
}

TEST_P(StorageConformanceTest, SaysWhetherAnEventIsNewChangedOrKnown) {
  TimelineStore& timelines = stores().timelines();
  const auto add = [&](const UserEvent& event) {
    const auto outcomes = timelines.add(ada_.tenant_scope(), std::array{event});
    EXPECT_TRUE(outcomes) << outcomes.error().message;
    return outcomes->front();
  };
  EXPECT_EQ(add(event_of(ada_, "a", 10, "one")), WriteOutcome::kAdded);
  UserEvent again = event_of(ada_, "a", 10, "one");
  again.event.received_at = 200;
  EXPECT_EQ(add(again), WriteOutcome::kUnchanged);
  again.event.number = 3.0;
  EXPECT_EQ(add(again), WriteOutcome::kUpdated);
  EXPECT_EQ(add(again), WriteOutcome::kUnchanged);
  again.event.item = "two";
  EXPECT_EQ(add(again), WriteOutcome::kUpdated);
  const auto stored = timelines.newest(ada_, {}, 9);
  ASSERT_EQ(stored->size(), 1U);
  EXPECT_EQ(stored->front().event.item, "two");
  EXPECT_EQ(stored->front().event.received_at, 100);
}

// What was made of a timeline holds on as long as events come at its end.
TEST_P(StorageConformanceTest, RevisesATimelineOnlyForWhatComesLateOrChanges) {
  TimelineStore& timelines = stores().timelines();
  const auto revision_after = [&](const UserEvent& event) {
    EXPECT_TRUE(timelines.add(ada_.tenant_scope(), std::array{event}));
    return (*timelines.head(ada_))->revision;
  };
  EXPECT_EQ(revision_after(event_of(ada_, "a", 10)), 0);
  EXPECT_EQ(revision_after(event_of(ada_, "b", 10)), 0);
  EXPECT_EQ(revision_after(event_of(ada_, "c", 20)), 0);
  EXPECT_EQ(revision_after(event_of(ada_, "c", 20)), 0);
  EXPECT_EQ(revision_after(event_of(ada_, "late", 15)), 1);
  EXPECT_EQ(revision_after(event_of(ada_, "c", 12)), 2);
  const auto head = timelines.head(ada_);
  EXPECT_EQ((*head)->num_events, 4);
  EXPECT_EQ((*head)->last, timelines.newest(ada_, {}, 1)->front().position);
  EXPECT_EQ((*head)->last.at, 15);
}

TEST_P(StorageConformanceTest, RefusesABadEventAndStoresNoneOfItsBatch) {
  TimelineStore& timelines = stores().timelines();
  const auto refused = [&](UserEvent bad) {
    const std::array events{event_of(ada_, "good", 1), std::move(bad)};
    EXPECT_EQ(code_of(timelines.add(ada_.tenant_scope(), events)), ErrorCode::kInvalidArgument);
    EXPECT_FALSE(timelines.head(ada_)->has_value());
  };
  refused(event_of(ada_, "", 1));
  refused(event_of(ada_, "early", -1));
  refused({UserId(""), event_of(ada_, "a", 1).event});
  UserEvent endless = event_of(ada_, "a", 1);
  endless.event.number = std::numeric_limits<double>::infinity();
  refused(endless);
  UserEvent wordy = event_of(ada_, "a", 1);
  wordy.event.text = std::string(kMaxEventTextBytes + 1, 'x');
  refused(wordy);
}

// By hand: ada is in field from 10 to 30, bob comes at 25; ada asks twice as field, bob once, and
// somebody once as lead. Of ada's two thumbs on one answer the later counts.
TEST_P(StorageConformanceTest, CountsAPersonasFleetBySpans) {
  PersonaStore& personas = stores().personas();
  ASSERT_TRUE(personas.put(ada_, {{{PersonaId("field"), 0.9}}, "{}", "v1", 10}));
  ASSERT_TRUE(personas.put(bob_, {{{PersonaId("field"), 0.9}}, "{}", "v1", 25}));
  ASSERT_TRUE(personas.put(ada_, {{{PersonaId("lead"), 0.9}}, "{}", "v1", 30}));
  DecisionStore& decisions = stores().decisions();
  ASSERT_TRUE(decisions.put(ada_, answered_for("d1", "field", 12)));
  ASSERT_TRUE(decisions.put(ada_, answered_for("d2", "field", 19)));
  ASSERT_TRUE(decisions.put(bob_, answered_for("d3", "field", 26)));
  ASSERT_TRUE(decisions.put(ada_, answered_for("d4", "lead", 31)));
  ASSERT_TRUE(decisions.put(other_ada_, answered_for("d5", "field", 12)));
  FeedbackStore& feedback = stores().feedback();
  ASSERT_TRUE(feedback.add(ada_, {"k1", DecisionId("d1"), "thumb", 1.0, "", 13, 13}));
  ASSERT_TRUE(feedback.add(ada_, {"k2", DecisionId("d1"), "thumb", -1.0, "", 22, 22}));
  ASSERT_TRUE(feedback.add(bob_, {"k3", DecisionId("d3"), "thumb", 1.0, "", 27, 27}));
  ASSERT_TRUE(feedback.add(ada_, {"k4", DecisionId("d4"), "thumb", 1.0, "", 32, 32}));

  const auto figures =
      stores().fleet().figures(ada_.tenant_scope(), {PersonaId("field"), 10, 35, 10});
  ASSERT_TRUE(figures) << figures.error().message;
  EXPECT_THAT(figures->buckets, ElementsAre(FleetCounts{10, 20, 1, 1, 0, 2, 1, 2, 0, 0},
                                            FleetCounts{20, 30, 2, 1, 0, 1, 1, 1, 1, 1},
                                            FleetCounts{30, 35, 1, 0, 1, 0, 0, 1, 0, 0}));
  EXPECT_EQ(figures->total, (FleetCounts{10, 35, 1, 2, 1, 3, 2, 4, 1, 1}));
  EXPECT_EQ(figures->all_users, 2);

  ASSERT_TRUE(stores().users().erase(ada_, 40));
  const auto after =
      stores().fleet().figures(ada_.tenant_scope(), {PersonaId("field"), 10, 35, 10});
  EXPECT_EQ(after->total, (FleetCounts{10, 35, 1, 1, 0, 1, 1, 1, 1, 0}));
}

// By hand: bob of lead is answered by field once, and ada of field by field and by lead.
TEST_P(StorageConformanceTest, CountsAnswersToAPersonasUsersByWhomeverTheyWereGiven) {
  const auto answered = [](const char* id, const char* by, const char* own) {
    DecisionRow row = answered_for(id, by, 12);
    row.own_persona = PersonaId(own);
    return row;
  };
  DecisionStore& decisions = stores().decisions();
  ASSERT_TRUE(decisions.put(bob_, answered("d1", "field", "lead")));
  ASSERT_TRUE(decisions.put(ada_, answered("d2", "field", "field")));
  ASSERT_TRUE(decisions.put(ada_, answered("d3", "lead", "field")));
  FeedbackStore& feedback = stores().feedback();
  ASSERT_TRUE(feedback.add(bob_, {"k1", DecisionId("d1"), "thumb", -1.0, "", 13, 13}));
  ASSERT_TRUE(feedback.add(ada_, {"k2", DecisionId("d3"), "thumb", 1.0, "", 13, 13}));
  const auto figures =
      stores().fleet().figures(ada_.tenant_scope(), {PersonaId("field"), 10, 20, 10});
  ASSERT_TRUE(figures) << figures.error().message;
  const FleetCounts& counts = figures->buckets.front();
  EXPECT_EQ(std::tie(counts.requests, counts.users), std::make_tuple(2, 2));
  EXPECT_EQ(std::tie(counts.thumbs_up, counts.thumbs_down), std::make_tuple(0, 1));
  EXPECT_EQ(std::tie(counts.own_requests, counts.own_users), std::make_tuple(2, 1));
  EXPECT_EQ(std::tie(counts.own_thumbs_up, counts.own_thumbs_down), std::make_tuple(1, 0));
  EXPECT_EQ(figures->total.own_users, 1);
  EXPECT_EQ((*decisions.find(bob_, DecisionId("d1")))->own_persona, PersonaId("lead"));
}

TEST_P(StorageConformanceTest, NotesWhoSomebodySeemsToBeUntilThereIsAnAssignment) {
  PersonaStore& personas = stores().personas();
  FleetStore& fleet = stores().fleet();
  EXPECT_FALSE(*fleet.note(ada_, PersonaId("field"), 5));  // nobody yet
  ASSERT_TRUE(stores().users().upsert(ada_, {{"grade", "technician"}}, 5));
  ASSERT_TRUE(stores().users().upsert(bob_, {{"grade", "director"}}, 5));
  ASSERT_EQ(fleet.list_unnoted(ada_.tenant_scope(), UserId{}, 9)->size(), 2U);
  EXPECT_EQ(fleet.list_unnoted(ada_.tenant_scope(), UserId{}, 1)->front().attributes.size(), 1U);
  EXPECT_TRUE(*fleet.note(ada_, PersonaId("field"), 7));
  EXPECT_FALSE(*fleet.note(ada_, PersonaId("field"), 8));
  EXPECT_EQ(code_of(fleet.note(ada_, PersonaId(""), 8)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(fleet.list_unnoted(ada_.tenant_scope(), UserId{}, 9)->size(), 1U);
  EXPECT_FALSE(personas.find(ada_)->has_value());
  const auto size = [&] {
    return fleet.figures(ada_.tenant_scope(), {PersonaId("field"), 1, 90, 90})->total.size;
  };
  EXPECT_EQ(size(), 1);
  // What is noted is what the first assignment changes from.
  ASSERT_TRUE(personas.put(ada_, {{{PersonaId("lead"), 0.9}}, "{}", "v1", 20}));
  EXPECT_THAT(*personas.changes(ada_),
              ElementsAre(PersonaChange{7, PersonaId{}, PersonaId("field")},
                          PersonaChange{20, PersonaId("field"), PersonaId("lead")}));
  EXPECT_EQ(size(), 0);
  EXPECT_FALSE(*fleet.note(ada_, PersonaId("field"), 21));
  // New attributes ask for another look.
  ASSERT_TRUE(fleet.note(bob_, PersonaId("lead"), 22));
  EXPECT_TRUE(fleet.list_unnoted(ada_.tenant_scope(), UserId{}, 9)->empty());
  ASSERT_TRUE(stores().users().upsert(bob_, {{"grade", "technician"}}, 30));
  EXPECT_EQ(fleet.list_unnoted(ada_.tenant_scope(), UserId{}, 9)->size(), 1U);
}

TEST_P(StorageConformanceTest, AGroupIsStoredTogetherOrNotAtAll) {
  UserStore& users = stores().users();
  ASSERT_TRUE(stores().group([&]() -> Status {
    KITH_RETURN_IF_ERROR(users.upsert(ada_, {{"grade", "director"}}, 5));
    EXPECT_TRUE((*users.find(ada_)).has_value());  // its own writes are seen
    // A call that fails takes back its own alone.
    EXPECT_FALSE(stores().personas().put(ada_, {{}, "{}", "v1", 5}));
    EXPECT_FALSE(stores().adapter_versions().set_metrics({AdapterId("none"), 1}, "{}"));
    return {};
  }));
  const Status failed = stores().group([&]() -> Status {
    KITH_RETURN_IF_ERROR(users.upsert(bob_, {}, 6));
    return Error{ErrorCode::kUnavailable, "stopped"};
  });
  EXPECT_EQ(failed.error().message, "stopped");
  reopen();
  EXPECT_TRUE((*stores().users().find(ada_)).has_value());
  EXPECT_FALSE((*stores().users().find(bob_)).has_value());
  // Writes of another thread wait for the end of it.
  std::thread other;
  ASSERT_TRUE(stores().group([&]() -> Status {
    other = std::thread([&] { EXPECT_TRUE(stores().users().upsert(bob_, {}, 7)); });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_FALSE((*stores().users().find(bob_)).has_value());
    return {};
  }));
  other.join();
  EXPECT_TRUE((*stores().users().find(bob_)).has_value());
}

TEST_P(StorageConformanceTest, RefusesFiguresOfNoTimeOrOfTooManySpans) {
  FleetStore& fleet = stores().fleet();
  EXPECT_EQ(code_of(fleet.figures(ada_.tenant_scope(), {PersonaId("field"), 5, 5, 1})),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(fleet.figures(ada_.tenant_scope(), {PersonaId("field"), 0, 401, 1})),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(fleet.figures(ada_.tenant_scope(), {PersonaId(""), 0, 4, 1})),
            ErrorCode::kInvalidArgument);
}

// Writes one row of every kind that a user can have.
inline void write_everything(StoreSet& stores, const Scope& scope, const std::string& word) {
  const std::string id = scope.tenant.str() + scope.user.str();
  ASSERT_TRUE(stores.users().upsert(scope, {{"note", word}}, 1));
  ASSERT_TRUE(stores.consents().set(scope, kConsentProfile, false, 1));
  ASSERT_TRUE(stores.personas().put(
      scope, {{{PersonaId("field"), 1.0}}, "{\"said\":\"" + word + "\"}", "v1", 1}));
  const std::array turns{NewTurn{"user", word, 1, {}, {}, ""},
                         NewTurn{"assistant", "about " + word, 2, 5.0, DecisionId(id), "cc-" + id}};
  ASSERT_TRUE(stores.conversations().append(scope, ConversationId("c"), 0, turns));
  ASSERT_TRUE(stores.conversations().fork(scope, ConversationId("c"), 1, ConversationId("f"), 3));
  DecisionRow decision;
  decision.id = DecisionId(id);
  decision.document = "{\"query\":\"" + word + "\"}";
  ASSERT_TRUE(stores.decisions().put(scope, decision));
  ASSERT_TRUE(stores.feedback().add(
      scope, {"k", DecisionId(id), "reply", std::nullopt, word + " indeed", 4, 4}));
  ASSERT_TRUE(stores.events().add(scope, {"e", "said", "{\"word\":\"" + word + "\"}", 4}));
  ASSERT_TRUE(stores.timelines().add(
      scope.tenant_scope(),
      std::array{UserEvent{scope.user, {"t", 5, 5, "note", word, {{"said", word}}, {}, word}}}));
  EmbeddingRow embedding;
  embedding.version = word;
  embedding.vector = {1.0F};
  const auto embedded = stores.embeddings().put(scope, embedding);
  ASSERT_TRUE(embedded && *embedded);
  ASSERT_TRUE(stores.keys().add(
      {"key" + id, "00", KeyRole::kEndUser, scope.tenant, scope.user, word, 1, {}}));
  const auto number = stores.adapter_versions().next_version(AdapterId("field"));
  ASSERT_TRUE(number);
  ASSERT_TRUE(stores.adapter_versions().add(new_version("field", *number), std::array{scope}));
}

inline EmbeddingRow embedding_of(const std::string& version, const TimelineHead& head,
                                 float first) {
  return {version, head.num_events, head, 9, {first, 0.5F}, {1.0F, -2.0F, first, 4.0F}, 2};
}

TEST_P(StorageConformanceTest, KeepsAnEmbeddingOfEachVersion) {
  EmbeddingStore& embeddings = stores().embeddings();
  EXPECT_FALSE(*embeddings.put(ada_, embedding_of("v1", {}, 1.0F)));  // there are no events
  EXPECT_FALSE(stores().users().find(ada_)->has_value());
  ASSERT_TRUE(stores().timelines().add(ada_.tenant_scope(),
                                       std::array{UserEvent{ada_.user, {"a", 5, 5, "click"}}}));
  const TimelineHead head = **stores().timelines().head(ada_);
  const EmbeddingRow row = embedding_of("v1", head, 1.0F);
  EXPECT_TRUE(*embeddings.put(ada_, embedding_of("v1", {}, 3.0F)));
  EXPECT_TRUE(*embeddings.put(ada_, row));
  EXPECT_TRUE(*embeddings.put(ada_, embedding_of("v2", {}, 2.0F)));
  reopen();
  EXPECT_EQ(**stores().embeddings().find(ada_, "v1"), row);
  EXPECT_FALSE(stores().embeddings().find(ada_, "v3")->has_value());
  EXPECT_FALSE(stores().embeddings().find(other_ada_, "v1")->has_value());
  EXPECT_THAT(*stores().embeddings().list(ada_), SizeIs(2));
  EXPECT_THAT(*stores().embeddings().versions(ada_.tenant_scope()),
              ElementsAre(Pair("v1", 1), Pair("v2", 1)));
  EXPECT_EQ(*stores().embeddings().remove_others(ada_.tenant_scope(), "v2", 9), 1);
  EXPECT_THAT(*stores().embeddings().versions(ada_.tenant_scope()), ElementsAre(Pair("v2", 1)));
}

TEST_P(StorageConformanceTest, TellsWhoseEmbeddingIsBehind) {
  EmbeddingStore& embeddings = stores().embeddings();
  const TenantScope acme = ada_.tenant_scope();
  const auto add = [&](const Scope& scope, const std::string& id, base::UnixMicros at) {
    EXPECT_TRUE(stores().timelines().add(scope.tenant_scope(),
                                         std::array{UserEvent{scope.user, {id, at, at, "click"}}}));
  };
  const auto embed = [&](const Scope& scope) {
    EXPECT_TRUE(
        *embeddings.put(scope, embedding_of("v1", **stores().timelines().head(scope), 1.0F)));
  };
  for (const Scope& scope : {ada_, bob_, other_ada_}) add(scope, "a", 5);
  EXPECT_THAT(*embeddings.tenants(), ElementsAre(ada_.tenant, other_ada_.tenant));
  EXPECT_THAT(*embeddings.stale(acme, "v1", UserId(), 9), ElementsAre(ada_.user, bob_.user));
  EXPECT_THAT(*embeddings.stale(acme, "v1", ada_.user, 9), ElementsAre(bob_.user));
  embed(ada_);
  embed(bob_);
  EXPECT_THAT(*embeddings.stale(acme, "v1", UserId(), 9), IsEmpty());
  EXPECT_THAT(*embeddings.stale(acme, "v2", UserId(), 9), SizeIs(2));
  add(ada_, "b", 6);  // at the end
  EXPECT_THAT(*embeddings.stale(acme, "v1", UserId(), 9), ElementsAre(ada_.user));
  EXPECT_EQ(*embeddings.coverage(acme, "v1"), (EmbeddingCoverage{2, 2, 1}));
  embed(ada_);
  const std::array changed{UserEvent{bob_.user, {"a", 5, 5, "purchase"}}};
  ASSERT_TRUE(stores().timelines().add(acme, changed));  // as many events, another revision
  EXPECT_THAT(*embeddings.stale(acme, "v1", UserId(), 9), ElementsAre(bob_.user));
  EXPECT_EQ(*embeddings.coverage(acme, "v1"), (EmbeddingCoverage{2, 2, 1}));
  EXPECT_EQ(*embeddings.coverage({TenantId("none")}, "v1"), EmbeddingCoverage{});
}

TEST_P(StorageConformanceTest, WhoRefusesToBeLearnedFromHasNoEmbedding) {
  EmbeddingStore& embeddings = stores().embeddings();
  const TenantScope acme = ada_.tenant_scope();
  for (const Scope& scope : {ada_, bob_}) {
    ASSERT_TRUE(
        stores().timelines().add(acme, std::array{UserEvent{scope.user, {"a", 5, 5, "click"}}}));
    ASSERT_TRUE(*embeddings.put(scope, embedding_of("v1", {}, 1.0F)));
  }
  ASSERT_TRUE(stores().personas().put(bob_, {{{PersonaId("field"), 1.0}}, "{}", "v1", 1}));
  ASSERT_TRUE(stores().consents().set(ada_, kConsentLearn, false, 6));
  const auto page = embeddings.page(acme, "v1", UserId(), 9);
  ASSERT_EQ(page->size(), 1U);
  EXPECT_EQ(page->front().user, bob_.user);
  EXPECT_EQ(page->front().persona, PersonaId("field"));
  EXPECT_EQ(page->front().embedding, embedding_of("v1", {}, 1.0F));
  EXPECT_FALSE(*embeddings.put(ada_, embedding_of("v1", {}, 2.0F)));
  EXPECT_THAT(*embeddings.stale(acme, "v2", UserId(), 9), ElementsAre(bob_.user));
  EXPECT_EQ(embeddings.coverage(acme, "v1")->num_users, 1);
  EXPECT_EQ(*embeddings.remove_refused(acme), 1);
  EXPECT_THAT(*embeddings.list(ada_), IsEmpty());
}

TEST_P(StorageConformanceTest, RefusesEmbeddingsThatAreNone) {
  const auto code = [&](const EmbeddingRow& row) {
    return code_of(stores().embeddings().put(ada_, row));
  };
  EmbeddingRow row = embedding_of("v1", {}, 1.0F);
  row.num_latents = 3;
  EXPECT_EQ(code(row), ErrorCode::kInvalidArgument);
  row = embedding_of("", {}, 1.0F);
  EXPECT_EQ(code(row), ErrorCode::kInvalidArgument);
  row = embedding_of("v1", {}, std::numeric_limits<float>::quiet_NaN());
  EXPECT_EQ(code(row), ErrorCode::kInvalidArgument);
}

TEST_P(StorageConformanceTest, ErasesEverythingAboutOneUserAndNothingElse) {
  for (const Scope& scope : {ada_, bob_, other_ada_}) {
    write_everything(stores(), scope, "word");
  }
  const auto receipt = stores().users().erase(ada_, 77);
  ASSERT_TRUE(receipt) << receipt.error().message;
  EXPECT_EQ(receipt->at, 77);
  EXPECT_THAT(receipt->rows,
              ElementsAre(Pair("adapter_contributors", 1), Pair("api_keys", 1), Pair("consents", 1),
                          Pair("conversations", 2), Pair("decisions", 1), Pair("feedback", 1),
                          Pair("persona_assignments", 1), Pair("persona_changes", 1),
                          Pair("persona_weights", 1), Pair("timeline_events", 1),
                          Pair("timelines", 1), Pair("turns", 3), Pair("user_attributes", 1),
                          Pair("user_embeddings", 1), Pair("user_events", 1), Pair("users", 1)));
  EXPECT_FALSE(stores().users().find(ada_)->has_value());
  EXPECT_TRUE(*stores().consents().allows(ada_, kConsentProfile));
  EXPECT_FALSE(stores().personas().find(ada_)->has_value());
  EXPECT_THAT(*conversations().list(ada_, 9), IsEmpty());
  EXPECT_THAT(*conversations().recent_turns(ada_, 9), IsEmpty());
  EXPECT_THAT(*stores().decisions().list(ada_, 9), IsEmpty());
  EXPECT_THAT(*stores().feedback().list(ada_, 9), IsEmpty());
  EXPECT_THAT(*stores().events().list(ada_, "", 9), IsEmpty());
  EXPECT_FALSE(stores().timelines().head(ada_)->has_value());
  EXPECT_THAT(*stores().timelines().newest(ada_, {}, 9), IsEmpty());
  EXPECT_THAT(*stores().embeddings().list(ada_), IsEmpty());
  for (const Scope& scope : {bob_, other_ada_}) {
    EXPECT_TRUE(stores().users().find(scope)->has_value());
    EXPECT_THAT(*conversations().recent_turns(scope, 9), SizeIs(2));
    EXPECT_THAT(*stores().feedback().list(scope, 9), SizeIs(1));
    EXPECT_FALSE(*stores().consents().allows(scope, kConsentProfile));
    EXPECT_THAT(*stores().embeddings().list(scope), SizeIs(1));
  }
  EXPECT_EQ(stores().users().erase(ada_, 78)->total(), 0);
}

TEST_P(StorageConformanceTest, ServesThreadsAtOnce) {
  constexpr int kThreads = 4;
  constexpr int kTurns = 12;
  std::vector<std::thread> threads;
  std::atomic<int> num_failures{0};
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const Scope scope{TenantId("acme"), UserId("user" + std::to_string(t))};
      for (int i = 0; i < kTurns; ++i) {
        const std::array one{turn("user", "text " + std::to_string(i), i)};
        if (!conversations().append(scope, ConversationId("c"), i, one)) ++num_failures;
        if (!conversations().recent_turns(scope, 3)) ++num_failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(num_failures, 0);
  for (int t = 0; t < kThreads; ++t) {
    const Scope scope{TenantId("acme"), UserId("user" + std::to_string(t))};
    EXPECT_THAT(*conversations().turns(scope, ConversationId("c")), SizeIs(kTurns));
  }
}

}  // namespace kith::storage
