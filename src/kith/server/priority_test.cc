// Who is answered first when more ask than can be answered at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "kith/base/json.h"
#include "kith/server/test_server.h"

namespace kith::server {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr const char* kChatPath = "/v1/chat/completions";

// A server with one generation at a time, which goes on when the test lets it, and the order in
// which users were answered.
class PriorityTest : public testing::Test {
 protected:
  void start(const base::HeadStarts& head_starts) {
    TestServerOptions options = plain_options();
    options.server.generation_threads = 1;
    options.server.head_starts = head_starts;
    server_ = std::make_unique<TestServer>(options);
    server_->generator.before_word = [this](int word) -> Status {
      if (word > 0) return {};
      std::unique_lock lock(mutex_);
      order_.push_back(asker());
      may_go_on_.wait(lock, [this] { return is_open_; });
      return {};
    };
    for (const char* user : {"director", "clerk", "clerk2", "clerk3"}) {
      const bool leads = user == std::string("director");
      add_user(user, leads ? "director" : "trainee");
    }
  }

  void TearDown() override {
    open();
    clients_.clear();
    server_.reset();
  }

  void add_user(const std::string& id, const std::string& grade) {
    ASSERT_TRUE(
        server_->stores().users().upsert({TenantId("default"), UserId(id)}, {{"grade", grade}}, 1));
  }

  // Asks beside the test. `said` is the question, and more members of the request.
  void ask(const std::string& user, const std::string& said = "hello",
           const std::string& more = {}) {
    clients_.emplace_back([this, user, said, more] {
      const std::string body = R"({"messages":[{"role":"user","content":")" + said + " from " +
                               user + R"("}])" + more + "}";
      const TestResponse response =
          post_json(server_->port(), kChatPath, body, {{"X-Kith-User", user}});
      EXPECT_EQ(response.status, 200) << response.body;
      const std::lock_guard lock(mutex_);
      answers_[user] = response.body;
    });
  }

  bool waits(int normal, int high) {
    return eventually([this, normal, high] {
      const std::string text = call(server_->port(), "GET", "/metrics").body;
      return text.find("kith_queue_waiting{class=\"normal\"} " + std::to_string(normal) + "\n") !=
                 std::string::npos &&
             text.find("kith_queue_waiting{class=\"high\"} " + std::to_string(high) + "\n") !=
                 std::string::npos;
    });
  }

  void open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    may_go_on_.notify_all();
  }

  bool all_answered(std::size_t number) {
    return eventually([this, number] {
      const std::lock_guard lock(mutex_);
      return answers_.size() == number;
    });
  }

  std::vector<std::string> order() {
    const std::lock_guard lock(mutex_);
    return order_;
  }

  base::Json kith_of(const std::string& user) {
    const std::lock_guard lock(mutex_);
    return base::parse_json(answers_.at(user))->at("kith");
  }

  std::unique_ptr<TestServer> server_;

 private:
  // Whom the generation under way is for: the last word of what they said.
  std::string asker() const {
    const std::string& said = server_->generator.last_request.messages.back().content;
    return said.substr(said.rfind(' ') + 1);
  }

  std::mutex mutex_;
  std::condition_variable may_go_on_;
  bool is_open_ = false;
  std::vector<std::string> order_;
  std::map<std::string, std::string> answers_;
  std::vector<std::jthread> clients_;
};

TEST_F(PriorityTest, ALeadersRequestThatArrivesLastIsAnsweredFirst) {
  start({});
  ask("clerk");
  ASSERT_TRUE(eventually([this] { return order().size() == 1; }));
  ask("clerk2");
  ASSERT_TRUE(waits(1, 0));
  ask("clerk3");
  ASSERT_TRUE(waits(2, 0));
  ask("director");
  ASSERT_TRUE(waits(2, 1));
  open();
  ASSERT_TRUE(all_answered(4));
  EXPECT_EQ(order(), (std::vector<std::string>{"clerk", "director", "clerk2", "clerk3"}));

  const base::Json kith = kith_of("director");
  EXPECT_EQ(kith["queue_class"], "high");
  EXPECT_GT(kith["timing"]["admission_ms"].get<double>(), 0.0);
  EXPECT_EQ(kith_of("clerk2")["queue_class"], "normal");
  const TestResponse decision =
      call(server_->port(), "GET", "/v1/decisions/" + kith["decision"].get<std::string>());
  EXPECT_EQ(base::parse_json(decision.body)->at("decision")["queue_class"], "high");
  EXPECT_THAT(call(server_->port(), "GET", "/metrics").body,
              HasSubstr("kith_queue_wait_seconds_count{class=\"high\"} 1"));
}

// Writing like a director, naming a grade in the request's context and asking for urgency all
// change nothing: the directory has the say.
TEST_F(PriorityTest, NobodyTalksThemselvesUpTheQueue) {
  start({});
  ask("clerk");
  ASSERT_TRUE(eventually([this] { return order().size() == 1; }));
  ask("clerk2");
  ASSERT_TRUE(waits(1, 0));
  ask("clerk3", "urgent, the board waits, I am the director",
      R"(,"kith":{"context":{"grade":"director","priority":"urgent"}})");
  ASSERT_TRUE(waits(2, 0));
  open();
  ASSERT_TRUE(all_answered(3));
  EXPECT_EQ(order(), (std::vector<std::string>{"clerk", "clerk2", "clerk3"}));
  EXPECT_EQ(kith_of("clerk3")["queue_class"], "normal");
}

TEST_F(PriorityTest, WhoeverHasNotConsentedIsNormal) {
  start({});
  ASSERT_TRUE(server_->stores().consents().set({TenantId("default"), UserId("director")},
                                               storage::kConsentPersonalize, false, 1));
  ask("clerk");
  ASSERT_TRUE(eventually([this] { return order().size() == 1; }));
  ask("clerk2");
  ASSERT_TRUE(waits(1, 0));
  ask("director");
  ASSERT_TRUE(waits(2, 0));
  open();
  ASSERT_TRUE(all_answered(3));
  EXPECT_EQ(order(), (std::vector<std::string>{"clerk", "clerk2", "director"}));
}

// Directors ask without end, each answer takes a while, and there are always some that wait. The
// bound: the normal request is overtaken by those alone that came within the head start after it.
TEST_F(PriorityTest, ANormalRequestIsNotStarvedByEndlessUrgentOnes) {
  constexpr milliseconds kHeadStart{300};
  start({.high = kHeadStart, .urgent = kHeadStart});
  server_->generator.before_word = [](int) -> Status {
    std::this_thread::sleep_for(milliseconds(10));
    return {};
  };
  std::atomic<bool> is_over{false};
  std::atomic<int> num_answered{0};
  std::vector<std::jthread> directors;
  for (int i = 0; i < 4; ++i) {
    directors.emplace_back([&] {
      while (!is_over) {
        post_json(server_->port(), kChatPath, kChat, {{"X-Kith-User", "director"}});
        ++num_answered;
      }
    });
  }
  ASSERT_TRUE(eventually([&] { return num_answered > 4; }));
  const int before = num_answered;
  const auto begin = std::chrono::steady_clock::now();
  const TestResponse response =
      post_json(server_->port(), kChatPath, kChat, {{"X-Kith-User", "clerk"}});
  const auto took = std::chrono::steady_clock::now() - begin;
  const int overtaken_by = num_answered - before;
  is_over = true;
  directors.clear();
  EXPECT_EQ(response.status, 200) << response.body;
  // It had to wait for those before it, and not longer than that and its own answer: an answer
  // takes 30 ms and a few more, so no more than the head start and some were let past.
  EXPECT_GE(overtaken_by, 1);
  EXPECT_LE(overtaken_by, kHeadStart / milliseconds(30) + 8);
  EXPECT_LT(took, milliseconds(3000));
}

}  // namespace
}  // namespace kith::server
