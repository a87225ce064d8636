#include "kith/persona/training_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/test_directory.h"
#include "kith/persona/dataset_card.h"
#include "kith/persona/near_duplicates.h"
#include "kith/persona/test_personas.h"
#include "kith/storage/sqlite/sqlite_store_set.h"
#include "kith/text/segment.h"

namespace kith::persona {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

const storage::TenantScope kTenant{TenantId(storage::kDefaultTenant)};
constexpr base::UnixMicros kDay = 86'400'000'000;

// Words that no other text of the test has, so that nothing is a duplicate by chance.
std::string own_words(const std::string& key, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += key + "x" + std::to_string(i) + " ";
  return text;
}

class TrainingDataTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = storage::open_sqlite(directory_.path() / "kith.db");
    ASSERT_TRUE(opened) << opened.error().message;
    stores_ = *std::move(opened);
    options_.min_users = 10;
    options_.max_tokens = 400;
  }

  static storage::Scope scope(const std::string& user) { return {kTenant.tenant, UserId(user)}; }

  void add_user(const std::string& user, const std::string& persona = "boss") {
    ASSERT_TRUE(stores_->users().upsert(scope(user), {{"name", "Jonas Turner"}}, 1));
    members_.push_back({UserId(user), PersonaId(persona), false});
  }

  void add_conversation(const std::string& user, const std::string& id, int day,
                        const std::vector<storage::NewTurn>& turns) {
    std::vector<storage::NewTurn> stored = turns;
    for (auto& turn : stored) turn.at = day * kDay;
    ASSERT_TRUE(stores_->conversations().append(scope(user), ConversationId(id), 0, stored));
  }

  // `count` ordinary conversations on the days 1, 2, ...
  void add_conversations(const std::string& user, int count, int words = 12) {
    for (int i = 0; i < count; ++i) {
      const std::string key = user + "c" + std::to_string(i);
      add_conversation(user, key, i + 1,
                       {{"user", "question " + own_words(key + "q", 6)},
                        {"assistant", "answer " + own_words(key + "a", words)}});
    }
  }

  void add_crowd(int users, int conversations) {
    for (int i = 0; i < users; ++i) {
      const std::string user = "u" + std::to_string(100 + i);
      add_user(user);
      add_conversations(user, conversations);
    }
  }

  Result<TrainingData> select() {
    const DataPorts ports{
        .count_tokens = [](std::string_view text) { return text::segment_words(text).size(); },
        .system_message = [](const std::string&, std::uint64_t) -> Result<std::string> {
          return std::string("Desk.");
        }};
    return select_training_data(*stores_, kTenant, members_, options_, ports);
  }

  TrainingData selected() {
    auto data = select();
    EXPECT_TRUE(data) << data.error().message;
    return data ? *std::move(data) : TrainingData{};
  }

  static std::set<UserId> users_of(const TrainingData& data, DataPart part) {
    std::set<UserId> users;
    for (const TrainingRow& row : data.rows) {
      if (row.part == part) users.insert(row.user);
    }
    return users;
  }

  static std::map<DropReason, int> reasons_of(const TrainingData& data) {
    std::map<DropReason, int> reasons;
    for (const DroppedRow& row : data.dropped) ++reasons[row.reason];
    return reasons;
  }

  static std::string all_lines(const TrainingData& data) {
    return to_jsonl(data, DataPart::kTrain) + to_jsonl(data, DataPart::kValidUsers) +
           to_jsonl(data, DataPart::kValidLatest);
  }

  const base::TestDirectory directory_;
  std::unique_ptr<storage::StoreSet> stores_;
  std::vector<Member> members_;
  DataOptions options_;
};

TEST_F(TrainingDataTest, ValidationUsersNeverTrainAndLatestConversationsStayOut) {
  add_crowd(40, 6);
  const TrainingData data = selected();
  const auto training = users_of(data, DataPart::kTrain);
  const auto validating = users_of(data, DataPart::kValidUsers);
  EXPECT_GE(validating.size(), 1U);
  EXPECT_EQ(training.size() + validating.size(), 40U);
  for (const UserId& user : validating) EXPECT_FALSE(training.contains(user));
  EXPECT_EQ(users_of(data, DataPart::kValidLatest), training);
  for (const TrainingRow& row : data.rows) {
    const bool is_latest = row.conversation.str().ends_with("c5");
    if (row.part == DataPart::kTrain) {
      EXPECT_FALSE(is_latest) << row.conversation.str();
    }
    if (row.part == DataPart::kValidLatest) {
      EXPECT_TRUE(is_latest) << row.conversation.str();
    }
  }
  EXPECT_EQ(data.contributors.size(), training.size());
}

TEST_F(TrainingDataTest, WhoValidatesOnePersonaNeverTrainsTheSharedModel) {
  for (int i = 0; i < 30; ++i) {
    const std::string user = "u" + std::to_string(100 + i);
    add_user(user, i % 2 == 0 ? "boss" : "tech");
    add_conversations(user, 3);
  }
  const auto shared = users_of(selected(), DataPart::kTrain);
  for (const char* persona : {"boss", "tech"}) {
    options_.personas = {PersonaId(persona)};
    for (const UserId& user : users_of(selected(), DataPart::kValidUsers)) {
      EXPECT_FALSE(shared.contains(user));
    }
  }
}

TEST_F(TrainingDataTest, ErasedUsersAndWithdrawnConsentAreOutOfTheNextDataset) {
  add_crowd(30, 3);
  const auto before = users_of(selected(), DataPart::kTrain);
  const auto first = before.begin();
  const UserId erased = *first;
  const UserId refusing = *std::next(first);
  ASSERT_TRUE(stores_->users().erase(scope(erased.str()), 9));
  ASSERT_TRUE(stores_->consents().set(scope(refusing.str()), storage::kConsentLearn, false, 9));
  const TrainingData data = selected();
  for (const TrainingRow& row : data.rows) {
    EXPECT_NE(row.user, erased);
    EXPECT_NE(row.user, refusing);
  }
  EXPECT_THAT(all_lines(data), Not(HasSubstr(erased.str() + "c")));
  EXPECT_THAT(all_lines(data), Not(HasSubstr(refusing.str() + "c")));
  EXPECT_EQ(reasons_of(data)[DropReason::kUnknownUser], 1);
  EXPECT_EQ(reasons_of(data)[DropReason::kNoConsent], 3);
}

TEST_F(TrainingDataTest, FewerUsersThanTheFloorAreRefused) {
  add_crowd(9, 4);
  const auto refused = select();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("the floor is 10"));
  EXPECT_THAT(refused.error().message, HasSubstr("--min-users"));
  options_.min_users = 5;
  EXPECT_TRUE(select());
}

TEST_F(TrainingDataTest, HeldOutMembersNeverTrainOrValidate) {
  add_crowd(30, 2);
  members_[3].is_held_out = true;
  const TrainingData data = selected();
  for (const TrainingRow& row : data.rows) EXPECT_NE(row.user, members_[3].user);
  EXPECT_EQ(reasons_of(data)[DropReason::kHeldOut], 2);
}

TEST_F(TrainingDataTest, NoUserIsAboveTheCap) {
  add_crowd(80, 2);
  add_user("zealot");
  add_conversations("zealot", 120, 30);
  TrainingData data = selected();
  if (users_of(data, DataPart::kTrain).contains(UserId("zealot"))) {
    std::map<UserId, double> weight;
    double total = 0.0;
    for (const TrainingRow& row : data.rows) {
      if (row.part != DataPart::kTrain) continue;
      const double share = row.weight * static_cast<double>(row.counted_tokens);
      weight[row.user] += share;
      total += share;
    }
    EXPECT_NEAR(weight[UserId("zealot")] / total, 0.02, 1e-9);
    for (const auto& [user, amount] : weight) EXPECT_LE(amount / total, 0.02 + 1e-9);
    EXPECT_FALSE(data.cap.is_relaxed);
  }
  EXPECT_GE(data.cap.num_capped,
            users_of(data, DataPart::kTrain).contains(UserId("zealot")) ? 1U : 0U);
}

TEST_F(TrainingDataTest, DropsWhatTeachesNothing) {
  add_crowd(30, 2);
  const std::string user = members_.front().user.str();
  const auto add = [&](const std::string& id, const std::vector<storage::NewTurn>& turns) {
    add_conversation(user, id, 1, turns);
  };
  add("empty", {{"user", own_words("e", 5)}, {"assistant", " \n"}});
  add("open", {{"user", own_words("o", 5)}});
  add("tool", {{"user", own_words("t", 5)}, {"tool", "42"}, {"assistant", own_words("u", 5)}});
  storage::NewTurn disliked{"assistant", own_words("d", 9), 0, 1.0};
  add("disliked", {{"user", own_words("p", 5)}, disliked});
  storage::NewTurn own{"assistant", own_words("w", 9)};
  own.completion = "chatcmpl-1";
  add("own", {{"user", own_words("v", 5)}, own});
  own.rating = 5.0;
  own.text = own_words("praised", 9);
  own.completion = "chatcmpl-2";
  add("praised", {{"user", own_words("y", 5)}, own});
  add("long", {{"user", own_words("l", 5)}, {"assistant", own_words("m", 500)}});
  const TrainingData data = selected();
  auto reasons = reasons_of(data);
  EXPECT_EQ(reasons[DropReason::kEmpty], 1);
  EXPECT_EQ(reasons[DropReason::kNoAnswer], 1);
  EXPECT_EQ(reasons[DropReason::kForeignRole], 1);
  EXPECT_EQ(reasons[DropReason::kDisliked], 1);
  EXPECT_EQ(reasons[DropReason::kOwnUnrated], 1);
  EXPECT_EQ(reasons[DropReason::kTooLong], 1);
  EXPECT_EQ(data.dropped.size(), 6U);
  EXPECT_THAT(all_lines(data), HasSubstr("praisedx3"));
}

TEST_F(TrainingDataTest, ADislikedAnswerAmongOthersIsContextOnly) {
  add_crowd(30, 1);
  for (const Member& member : members_) {
    storage::NewTurn bad{"assistant", own_words(member.user.str() + "bad", 4), 0, 1.0};
    add_conversation(member.user.str(), member.user.str() + "mixed", 1,
                     {{"user", own_words(member.user.str() + "m", 4)},
                      bad,
                      {"user", own_words(member.user.str() + "n", 4)},
                      {"assistant", own_words(member.user.str() + "good", 4)}});
  }
  const TrainingData data = selected();
  EXPECT_EQ(data.num_disliked_answers, 30U);
  std::size_t mixed = 0;
  for (const TrainingRow& row : data.rows) {
    if (row.messages.size() != 5) continue;
    ++mixed;
    EXPECT_FALSE(row.messages[2].trains);
    EXPECT_TRUE(row.messages[4].trains);
  }
  EXPECT_EQ(mixed, 30U);
  EXPECT_THAT(to_jsonl(data, DataPart::kTrain), HasSubstr("\"train\":false"));
}

TEST_F(TrainingDataTest, DuplicatesGoAlsoThoseOfValidationRows) {
  add_crowd(40, 3);
  const std::string same = own_words("same", 40);
  std::string nearly = same;
  nearly.replace(nearly.find("samex20"), 7, "other  ");
  ASSERT_GE(shingle_similarity(same, nearly), 0.8);
  for (const Member& member : members_) {
    const bool changes = member.user.str().back() % 2 == 0;
    add_conversation(member.user.str(), member.user.str() + "same", 0,
                     {{"user", "q"}, {"assistant", changes ? nearly : same}});
  }
  const TrainingData data = selected();
  auto reasons = reasons_of(data);
  // One is kept, with a user who validates; so every other one that would train leaks from it.
  EXPECT_EQ(reasons[DropReason::kLikeValidation] + reasons[DropReason::kDuplicate] +
                reasons[DropReason::kNearDuplicate],
            39);
  EXPECT_GE(reasons[DropReason::kLikeValidation], 20);
  EXPECT_THAT(to_jsonl(data, DataPart::kTrain), Not(HasSubstr("samex3 ")));
}

TEST_F(TrainingDataTest, PersonalDataIsReplaced) {
  add_crowd(30, 2);
  add_conversation(members_[0].user.str(), "private", 1,
                   {{"user", own_words("p", 6) + "mail jonas@example.org or call desk@shared.org"},
                    {"assistant", own_words("r", 6) + "Thank you, Jonas Turner."}});
  options_.allowed = {"desk@shared.org"};
  const TrainingData data = selected();
  EXPECT_THAT(all_lines(data), Not(HasSubstr("Jonas")));
  EXPECT_THAT(all_lines(data), HasSubstr("[e-mail address] or call desk@shared.org"));
  EXPECT_THAT(all_lines(data), HasSubstr("Thank you, [name]."));
  EXPECT_EQ(data.redactions[static_cast<std::size_t>(text::PiiKind::kName)], 1);
}

TEST_F(TrainingDataTest, TheSameStoresGiveTheSameBytesAndTheCardNamesNobody) {
  add_crowd(30, 5);
  const CardFacts facts{.adapter = "boss", .base_model = "tiny"};
  const TrainingData one = selected();
  std::reverse(members_.begin(), members_.end());
  const TrainingData two = selected();
  const DatasetCard card = describe(one, options_, facts);
  EXPECT_EQ(all_lines(one), all_lines(two));
  EXPECT_EQ(card.json, describe(two, options_, facts).json);
  EXPECT_EQ(card.markdown, describe(two, options_, facts).markdown);
  for (const Member& member : members_) {
    EXPECT_THAT(card.json + card.markdown, Not(HasSubstr(member.user.str() + "c")));
  }
  const auto json = base::parse_json(card.json);
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["parts"]["train"]["users"], one.contributors.size());
  EXPECT_EQ((*json)["data_hash"], card.data_hash);
  EXPECT_TRUE((*json)["cap"]["relaxed"]);
  EXPECT_THAT(card.markdown, HasSubstr("it is relaxed"));
  // Each dropped row is there with its reason.
  EXPECT_EQ((*json)["dropped"]["rows"].size(), one.dropped.size());

  const auto target = directory_.path() / "data";
  ASSERT_TRUE(write_dataset(one, card, target));
  ASSERT_TRUE(write_dataset(one, card, target));
  EXPECT_EQ(*base::read_file(target / "train.jsonl"), to_jsonl(one, DataPart::kTrain));
  EXPECT_EQ(*base::read_file(target / "card.json"), card.json);
}

TEST_F(TrainingDataTest, RowsAreWhatTheTrainerReads) {
  add_crowd(30, 2);
  const std::string lines = to_jsonl(selected(), DataPart::kTrain);
  const auto row = base::parse_json(lines.substr(0, lines.find('\n')));
  ASSERT_TRUE(row);
  ASSERT_EQ((*row)["messages"].size(), 3U);
  EXPECT_EQ((*row)["messages"][0]["role"], "system");
  EXPECT_EQ((*row)["messages"][0]["content"], "Desk.");
  EXPECT_EQ((*row)["messages"][2]["role"], "assistant");
  EXPECT_TRUE((*row)["weight"].is_number());
  EXPECT_TRUE((*row)["unit"].is_number_integer());
}

TEST(MembersTest, AFileOfTruthSaysWhoIsHeldOut) {
  const base::TestDirectory directory;
  const auto file = directory.write("truth.jsonl",
                                    "{\"id\":\"b\",\"persona\":\"boss\",\"split\":\"test\"}\n"
                                    "{\"id\":\"a\",\"persona\":\"tech\"}\n");
  const auto members = load_members(file);
  ASSERT_TRUE(members) << members.error().message;
  EXPECT_EQ(*members, (std::vector<Member>{{UserId("a"), PersonaId("tech"), false},
                                           {UserId("b"), PersonaId("boss"), true}}));
  const auto twice = load_members(directory.write("two.csv", "id,persona\na,x\na,y\n"));
  ASSERT_FALSE(twice);
  EXPECT_THAT(twice.error().message, HasSubstr("names a user twice: a"));
  EXPECT_FALSE(load_members(directory.write("bad.jsonl", "{\"id\":\"a\"}\n")));
}

TEST(MembersTest, FollowTheStoredAssignmentElseAttributesAndWords) {
  const base::TestDirectory directory;
  const auto stores = *storage::open_sqlite(directory.path() / "kith.db");
  const auto catalogue = PersonaCatalogue::from_toml(two_personas(), "test");
  ASSERT_TRUE(catalogue) << catalogue.error().message;
  const auto assigner = *Assigner::create(*catalogue);
  const auto add = [&](const char* user, const storage::Attributes& attributes) {
    ASSERT_TRUE(stores->users().upsert({kTenant.tenant, UserId(user)}, attributes, 1));
  };
  add("attributes", {{"grade", "director"}});
  add("refuses", {{"grade", "director"}});
  add("stored", {{"grade", "director"}});
  add("unknown", {});
  add("unsure", {{"grade", "director"}});
  ASSERT_TRUE(stores->consents().set({kTenant.tenant, UserId("refuses")},
                                     storage::kConsentPersonalize, false, 1));
  ASSERT_TRUE(stores->personas().put({kTenant.tenant, UserId("stored")},
                                     {{{PersonaId("tech"), 0.9}, {PersonaId("boss"), 0.1}}}));
  ASSERT_TRUE(stores->personas().put({kTenant.tenant, UserId("unsure")},
                                     {{{PersonaId("tech"), 0.5}, {PersonaId("boss"), 0.5}}}));
  const auto members = assigned_members(*stores, kTenant, assigner);
  ASSERT_TRUE(members);
  EXPECT_EQ(*members, (std::vector<Member>{{UserId("attributes"), PersonaId("boss"), false},
                                           {UserId("stored"), PersonaId("tech"), false}}));
}

}  // namespace
}  // namespace kith::persona
