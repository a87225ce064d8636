#include "kith/persona/discovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/base/json.h"
#include "kith/base/test_directory.h"
#include "kith/persona/discovery_users.h"
#include "kith/persona/proposal_document.h"
#include "kith/storage/sqlite/sqlite_store_set.h"

namespace kith::persona {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

// Two crowds: technicians with a tablet and clerks with forms.
std::vector<DiscoveryUser> two_crowds(std::size_t of_each) {
  std::vector<DiscoveryUser> users;
  for (std::size_t i = 0; i < 2 * of_each; ++i) {
    const bool is_clerk = i % 2 == 1;
    users.push_back({.id = UserId("u" + std::to_string(100 + i)),
                     .attributes = {{"department", is_clerk ? "Payroll" : "Warehouse"},
                                    {"device", is_clerk ? "laptop" : "scanner"},
                                    {"site", i % 4 < 2 ? "Leeds" : "Suzhou"}},
                     .messages = {is_clerk ? "Which form do I need for a contract, please?"
                                           : "scanner wont sync in the yard"}});
  }
  return users;
}

DiscoveryOptions quick() {
  DiscoveryOptions options;
  options.mixture.restarts = 4;
  options.mixture.max_clusters = 5;
  return options;
}

class DiscoveryTest : public ::testing::Test {
 protected:
  Result<Discovery> discover(const std::vector<DiscoveryUser>& users) {
    auto discovery = PersonaDiscovery::create(options_, nullptr, assigner_, redactor_);
    if (!discovery) return std::move(discovery).error();
    for (const DiscoveryUser& user : users) KITH_RETURN_IF_ERROR(discovery->add(user));
    return discovery->finish();
  }
  Discovery found(const std::vector<DiscoveryUser>& users) {
    auto discovery = discover(users);
    EXPECT_TRUE(discovery) << discovery.error().message;
    return discovery ? *std::move(discovery) : Discovery{};
  }
  static std::vector<std::string> terms_of(const PersonaProposal& proposal) {
    std::vector<std::string> terms;
    for (const TypicalTerm& term : proposal.terms) terms.push_back(term.term);
    return terms;
  }
  // Of the group of the first technician.
  static const PersonaProposal& technicians(const Discovery& discovery) {
    return discovery.proposals[*discovery.group_of[0]];
  }

  DiscoveryOptions options_ = quick();
  const Assigner* assigner_ = nullptr;
  text::PiiRedactor redactor_;
};

TEST_F(DiscoveryTest, ProposesTheGroupsWithWhatTellsThemApart) {
  const Discovery discovery = found(two_crowds(30));
  ASSERT_THAT(discovery.proposals, SizeIs(2));
  const PersonaProposal& proposal = technicians(discovery);
  EXPECT_EQ(proposal.users, 30U);
  EXPECT_THAT(terms_of(proposal), Contains("sync"));
  EXPECT_THAT(terms_of(proposal), Not(Contains("form")));
  ASSERT_FALSE(proposal.values.empty());
  EXPECT_EQ(proposal.values[0].attribute, "department");
  EXPECT_EQ(proposal.values[0].value, "Warehouse");
  EXPECT_EQ(proposal.values[0].share, 1.0);
  EXPECT_EQ(proposal.values[0].share_of_all, 0.5);
  for (std::size_t i = 0; i < 60; ++i) {
    EXPECT_EQ(discovery.group_of[i] == discovery.group_of[0], i % 2 == 0) << i;
  }
  EXPECT_THAT(proposal.nearest, IsEmpty());
}

TEST_F(DiscoveryTest, TheSameUsersGiveTheSameBytes) {
  options_.num_nearest = 3;
  EXPECT_EQ(to_json(found(two_crowds(30))), to_json(found(two_crowds(30))));
}

TEST_F(DiscoveryTest, SamplesOfTeachersAreDrawnAndAllAreAssigned) {
  options_.max_teachers = 40;
  const Discovery discovery = found(two_crowds(60));
  EXPECT_EQ(discovery.num_teachers, 40U);
  ASSERT_THAT(discovery.proposals, SizeIs(2));
  EXPECT_EQ(discovery.proposals[0].users + discovery.proposals[1].users, 120U);
}

// Nine people who are like nobody else: whoever they join, no group is theirs alone.
TEST_F(DiscoveryTest, NoGroupIsSmallerThanTheFloor) {
  auto users = two_crowds(30);
  for (std::size_t i = 0; i < 9; ++i) {
    users.push_back({.id = UserId("x" + std::to_string(i)),
                     .attributes = {{"department", "Board"}, {"device", "phone"}},
                     .messages = {"WHO OWNS THIS RISK! WHO! WHEN! 5 000 000 GBP!"}});
  }
  options_.floor = 10;
  const Discovery discovery = found(users);
  std::size_t total = 0;
  for (const PersonaProposal& proposal : discovery.proposals) {
    EXPECT_GE(proposal.users, 10U);
    total += proposal.users;
    for (const TypicalTerm& term : proposal.terms) EXPECT_GE(term.users, 10U);
    for (const TypicalValue& value : proposal.values) EXPECT_GE(value.users, 10U);
    EXPECT_THAT(terms_of(proposal), Not(Contains("risk")));
  }
  EXPECT_EQ(total, 69U);
  EXPECT_THAT(to_json(discovery), Not(HasSubstr("Board")));
  EXPECT_THAT(to_toml(discovery), Not(HasSubstr("Board")));
}

TEST_F(DiscoveryTest, FewerUsersThanTheFloorAreRefused) {
  const auto discovery = discover(two_crowds(4));
  ASSERT_FALSE(discovery);
  EXPECT_EQ(discovery.error().code, ErrorCode::kInvalidArgument);
}

// A denied attribute that would tell the crowds apart perfectly, and nothing else that does.
TEST_F(DiscoveryTest, DeniedAttributesDecideNothingAndAreNotShown) {
  std::vector<DiscoveryUser> users;
  for (std::size_t i = 0; i < 80; ++i) {
    users.push_back({.id = UserId("u" + std::to_string(i)),
                     .attributes = {{"religion", i % 2 == 0 ? "aaa" : "bbb"},
                                    {"health.status", i % 2 == 0 ? "ccc" : "ddd"},
                                    {"site", i % 4 < 2 ? "Leeds" : "Suzhou"}},
                     .messages = {}});
  }
  const Discovery discovery = found(users);
  EXPECT_THAT(discovery.proposals, SizeIs(1));
  EXPECT_THAT(discovery.views, ElementsAre("site"));
  for (const char* secret : {"aaa", "bbb", "ccc", "ddd"}) {
    EXPECT_THAT(to_json(discovery), Not(HasSubstr(secret)));
    EXPECT_THAT(to_toml(discovery), Not(HasSubstr(secret)));
  }
}

TEST_F(DiscoveryTest, PersonalDataIsNoTermHoweverManySayIt) {
  auto users = two_crowds(30);
  for (std::size_t i = 0; i < users.size(); i += 2) {
    users[i].messages.push_back(
        "ask Rosalie Tamm or mail tamm.desk@northgate.example, tel +44 113 555 0148");
  }
  redactor_ = text::PiiRedactor({.names = {"Rosalie Tamm"}, .allowed = {}});
  const Discovery discovery = found(users);
  EXPECT_THAT(terms_of(technicians(discovery)), Contains("mail"));
  const std::string json = to_json(discovery);
  for (const char* secret : {"rosalie", "tamm", "northgate", "0148", "555"}) {
    EXPECT_THAT(json, Not(HasSubstr(secret)));
  }
}

TEST_F(DiscoveryTest, UsersOfWhomNothingIsKnownBelongToNoGroup) {
  auto users = two_crowds(30);
  users.push_back({.id = UserId("stranger"), .attributes = {}, .messages = {}});
  const Discovery discovery = found(users);
  EXPECT_EQ(discovery.num_unknown, 1U);
  EXPECT_FALSE(discovery.group_of.back().has_value());
}

TEST_F(DiscoveryTest, NearestUsersAreOfTheGroup) {
  options_.num_nearest = 3;
  const Discovery discovery = found(two_crowds(30));
  ASSERT_THAT(technicians(discovery).nearest, SizeIs(3));
  for (const UserId& user : technicians(discovery).nearest) {
    EXPECT_EQ(std::stoi(user.str().substr(1)) % 2, 0) << user.str();
  }
}

TEST_F(DiscoveryTest, TheDraftLoadsAndFindsItsUsersAgain) {
  const auto users = two_crowds(30);
  const Discovery discovery = found(users);
  auto catalogue = PersonaCatalogue::from_toml(to_toml(discovery), "draft");
  ASSERT_TRUE(catalogue) << catalogue.error().message;
  ASSERT_THAT(catalogue->personas(), SizeIs(2));
  const auto assigner = Assigner::create(*std::move(catalogue));
  ASSERT_TRUE(assigner);

  // With the draft as the catalogue, the same groups are its personas.
  assigner_ = &*assigner;
  const Discovery again = found(users);
  ASSERT_THAT(again.proposals, SizeIs(2));
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(again.proposals[i].known_as.str(), "proposal_" + std::to_string(i + 1));
    ASSERT_THAT(again.proposals[i].overlaps, SizeIs(1));
    EXPECT_EQ(again.proposals[i].overlaps[0].users, 30U);
    EXPECT_EQ(again.proposals[i].overlaps[0].jaccard, 1.0);
  }
}

TEST_F(DiscoveryTest, TheDraftQuotesWhatUsersCallTheirThings) {
  auto users = two_crowds(30);
  for (DiscoveryUser& user : users) {
    std::string& department = user.attributes["department"];
    department = "A \"" + department + "\"\\\n\x7f";
    user.attributes["unit.code name"] = user.attributes["device"];
  }
  const auto catalogue = PersonaCatalogue::from_toml(to_toml(found(users)), "draft");
  ASSERT_TRUE(catalogue) << catalogue.error().message;
  EXPECT_THAT(catalogue->personas()[0].attributes.at("department")[0], HasSubstr("\"\\\n\x7f"));
}

// Knows of each user one number, which nothing else tells.
class SecretBlock final : public UserBlock {
 public:
  Status add(const DiscoveryUser&) override {
    const float side = vectors_.known.size() % 3 == 0 ? 1.4F : -0.7F;
    vectors_.values.insert(vectors_.values.end(), {side, -side});
    vectors_.known.push_back(true);
    return {};
  }
  MixtureViews finish(const std::vector<std::size_t>&) override {
    vectors_.dimensions = 2;
    MixtureViews views;
    views.push_back(std::make_unique<GaussianView>("secret", std::move(vectors_), 1.0));
    return views;
  }

 private:
  UserVectors vectors_;
};

TEST_F(DiscoveryTest, ABlockOfVectorsIsOneMoreSourceOfKnowledge) {
  auto discovery = PersonaDiscovery::create(options_, nullptr, nullptr, redactor_);
  ASSERT_TRUE(discovery);
  discovery->add_block(std::make_unique<SecretBlock>());
  for (std::size_t i = 0; i < 90; ++i) {
    ASSERT_TRUE(discovery->add({.id = UserId(std::to_string(i)),
                                .attributes = {{"site", i % 2 == 0 ? "Leeds" : "Suzhou"}},
                                .messages = {}}));
  }
  const auto found = discovery->finish();
  ASSERT_TRUE(found);
  ASSERT_THAT(found->proposals, SizeIs(2));
  EXPECT_EQ(found->proposals[0].users, 60U);
  EXPECT_EQ(found->proposals[1].users, 30U);
}

TEST_F(DiscoveryTest, RefusesOptionsOutsideTheirRange) {
  for (const auto& change : std::vector<std::function<void(DiscoveryOptions&)>>{
           [](DiscoveryOptions& o) { o.floor = 1; },
           [](DiscoveryOptions& o) { o.mixture.max_clusters = 0; },
           [](DiscoveryOptions& o) { o.mixture.restarts = 0; },
           [](DiscoveryOptions& o) { o.max_teachers = 3; },
           [](DiscoveryOptions& o) { o.uses_attributes = o.uses_texts = false; },
           [](DiscoveryOptions& o) { o.style_weight = 0.0; },
           [](DiscoveryOptions& o) { o.text.axes = 0; }}) {
    DiscoveryOptions options;
    change(options);
    const auto discovery = PersonaDiscovery::create(options, nullptr, nullptr, redactor_);
    ASSERT_FALSE(discovery);
    EXPECT_EQ(discovery.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(DiscoveryUsersTest, ReadsTheLatestOwnWordsOfThoseWhoConsentToBoth) {
  const base::TestDirectory directory;
  auto stores = *storage::open_sqlite(directory.path() / "kith.db");
  const storage::TenantScope tenant{TenantId(storage::kDefaultTenant)};
  for (const char* name : {"a", "b", "c"}) {
    const storage::Scope scope{tenant.tenant, UserId(name)};
    ASSERT_TRUE(stores->users().upsert(scope, {{"site", "Leeds"}}, 1));
    const std::vector<storage::NewTurn> turns{{.role = "user", .text = "first", .at = 1},
                                              {.role = "assistant", .text = "answer", .at = 2},
                                              {.role = "user", .text = "second", .at = 3},
                                              {.role = "assistant", .text = "answer", .at = 4},
                                              {.role = "user", .text = "third", .at = 5}};
    ASSERT_TRUE(stores->conversations().append(scope, ConversationId("c"), 0, turns));
  }
  const auto refuse = [&](const char* user, const char* purpose) {
    return stores->consents().set({tenant.tenant, UserId(user)}, purpose, false, 2);
  };
  ASSERT_TRUE(refuse("a", storage::kConsentLearn));
  ASSERT_TRUE(refuse("c", storage::kConsentPersonalize));
  std::vector<DiscoveryUser> users;
  const auto counts = visit_discovery_users(*stores, tenant, 2, [&](const DiscoveryUser& user) {
    users.push_back(user);
    return Status();
  });
  ASSERT_TRUE(counts) << counts.error().message;
  EXPECT_EQ(counts->visited, 1U);
  EXPECT_EQ(counts->without_consent, 2U);
  ASSERT_THAT(users, SizeIs(1));
  EXPECT_EQ(users[0].id, UserId("b"));
  EXPECT_THAT(users[0].messages, ElementsAre("second", "third"));
  EXPECT_EQ(users[0].attributes.at("site"), "Leeds");
}

}  // namespace
}  // namespace kith::persona
