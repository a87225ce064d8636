// POST /v1/chat/completions over real sockets, with a made-up generator.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/base/json.h"
#include "kith/server/test_server.h"

namespace kith::server {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kPath = "/v1/chat/completions";

base::Json parsed(const std::string& text) {
  const auto json = base::parse_json(text);
  EXPECT_TRUE(json) << text;
  return json ? *json : base::Json();
}

// kChat with further members.
std::string chat_with(const std::string& members) {
  return kChat.substr(0, kChat.size() - 1) + "," + members + "}";
}

std::string error_param(const TestResponse& response) {
  const base::Json body = parsed(response.body);
  return body["error"]["param"].is_string() ? body["error"]["param"].get<std::string>() : "";
}

const TestHeaders kAnna{{"X-Kith-User", "anna"}};

void add_user(TestServer& server, const std::string& id, const std::string& grade) {
  const storage::Scope scope{TenantId("default"), UserId(id)};
  ASSERT_TRUE(server.stores().users().upsert(scope, {{"grade", grade}}, 1));
}

std::size_t num_conversations(TestServer& server, const std::string& user) {
  const auto rows = server.stores().conversations().list({TenantId("default"), UserId(user)}, 10);
  return rows ? rows->size() : 999;
}

TEST(ChatTest, KnownUserGetsAnAnswerWithItsReasons) {
  TestServer server;
  add_user(server, "anna", "director");
  const TestResponse response = post_json(server.port(), kPath, kChat, kAnna);
  ASSERT_EQ(response.status, 200) << response.body;
  const base::Json body = parsed(response.body);
  EXPECT_EQ(body["choices"][0]["message"]["content"], "alpha beta gamma");
  EXPECT_EQ(body["usage"]["total_tokens"], 13);
  EXPECT_EQ(body["kith"]["user"], "anna");
  EXPECT_EQ(body["kith"]["assigned_persona"], "leadership");
  double total = body["kith"]["abstain"].get<double>();
  for (const auto& [persona, probability] : body["kith"]["persona"].items()) {
    total += probability.get<double>();
  }
  EXPECT_NEAR(total, 1.0, 1e-9);
  EXPECT_GT(body["kith"]["persona"]["leadership"].get<double>(), 0.5);
  EXPECT_EQ(response.headers.at("x-kith-decision"), body["kith"]["decision"]);
  EXPECT_EQ(response.headers.at("x-kith-persona"), "leadership");
  EXPECT_EQ(response.headers.at("x-kith-adapter"), "leadership");
}

TEST(ChatTest, NobodyGetsAPlainAnswer) {
  TestServer server;
  const TestResponse response = post_json(server.port(), kPath, kChat);
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_FALSE(parsed(response.body)["kith"].contains("user"));
  EXPECT_FALSE(response.headers.contains("x-kith-persona"));
}

TEST(ChatTest, StreamSaysWhatTheWholeAnswerSays) {
  TestServer server;
  add_user(server, "anna", "director");
  const base::Json whole = parsed(post_json(server.port(), kPath, kChat, kAnna).body);
  const TestResponse response =
      post_json(server.port(), kPath, chat_with(R"("stream":true)"), kAnna);
  ASSERT_EQ(response.status, 200);
  EXPECT_THAT(response.headers.at("content-type"), HasSubstr("text/event-stream"));
  EXPECT_EQ(response.headers.at("x-kith-persona"), "leadership");
  const auto events = events_of(response.body);
  ASSERT_GE(events.size(), 4U);
  EXPECT_EQ(events.back(), "[DONE]");
  std::string text;
  base::Json last;
  for (std::size_t i = 0; i + 1 < events.size(); ++i) {
    last = parsed(events[i]);
    EXPECT_EQ(last["object"], "chat.completion.chunk");
    text += last["choices"][0]["delta"].value("content", "");
  }
  EXPECT_EQ(parsed(events[0])["choices"][0]["delta"]["role"], "assistant");
  EXPECT_EQ(parsed(events[0])["kith"]["assigned_persona"], "leadership");
  EXPECT_EQ(text, whole["choices"][0]["message"]["content"]);
  EXPECT_EQ(last["choices"][0]["finish_reason"], whole["choices"][0]["finish_reason"]);
  EXPECT_EQ(last["kith"]["style"], whole["kith"]["style"]);
  EXPECT_EQ(last["kith"]["persona"], whole["kith"]["persona"]);
  EXPECT_EQ(last["kith"]["probability"], whole["kith"]["probability"]);
}

TEST(ChatTest, EventsHaveNoIdsAndNoNames) {
  TestServer server;
  const TestResponse response = post_json(server.port(), kPath, chat_with(R"("stream":true)"));
  EXPECT_THAT(response.body, Not(HasSubstr("\nid:")));
  EXPECT_THAT(response.body, Not(HasSubstr("event:")));
}

TEST(ChatTest, UsageComesLastWhenAskedFor) {
  TestServer server;
  const auto events =
      events_of(post_json(server.port(), kPath,
                          chat_with(R"("stream":true,"stream_options":{"include_usage":true})"))
                    .body);
  ASSERT_GE(events.size(), 3U);
  const base::Json usage = parsed(events[events.size() - 2]);
  EXPECT_TRUE(usage["choices"].empty());
  EXPECT_EQ(usage["usage"]["total_tokens"], 13);
  EXPECT_TRUE(parsed(events[0])["usage"].is_null());
  EXPECT_TRUE(parsed(events[0]).contains("usage"));
}

TEST(ChatTest, SeveralChoicesComeWithTheirIndex) {
  TestServer server;
  const std::string body = chat_with(R"("n":2,"stream":true)");
  std::map<int, std::string> texts;
  std::map<int, int> num_ends;
  for (const std::string& event : events_of(post_json(server.port(), kPath, body).body)) {
    if (event == "[DONE]") continue;
    const base::Json choice = parsed(event)["choices"][0];
    texts[choice["index"]] += choice["delta"].value("content", "");
    if (choice["finish_reason"] == "stop") ++num_ends[choice["index"]];
  }
  EXPECT_EQ(texts, (std::map<int, std::string>{{0, "alpha beta gamma"}, {1, "alpha beta gamma"}}));
  EXPECT_EQ(num_ends, (std::map<int, int>{{0, 1}, {1, 1}}));
}

TEST(ChatTest, LogProbabilitiesComeWithTheirWords) {
  TestServer server;
  for (const std::string members : {R"("logprobs":true)", R"("logprobs":true,"n":2)"}) {
    const base::Json whole = parsed(post_json(server.port(), kPath, chat_with(members)).body);
    const std::string stream = chat_with(members + R"(,"stream":true)");
    std::map<int, base::Json> told;
    for (const std::string& event : events_of(post_json(server.port(), kPath, stream).body)) {
      if (event == "[DONE]") continue;
      const base::Json choice = parsed(event)["choices"][0];
      if (choice["logprobs"].is_null()) continue;
      EXPECT_NE(choice["delta"].value("content", ""), "") << event;
      base::Json& content = told[choice["index"]];
      for (const auto& token : choice["logprobs"]["content"]) content.push_back(token);
      // The generator makes a word a time; a choice among several is made when they are whole.
      if (whole["choices"].size() > 1) continue;
      EXPECT_EQ(choice["logprobs"]["content"][0]["token"], choice["delta"]["content"]);
    }
    ASSERT_EQ(told.size(), whole["choices"].size());
    for (const base::Json& choice : whole["choices"]) {
      EXPECT_EQ(told[choice["index"]], choice["logprobs"]["content"]);
      EXPECT_EQ(choice["logprobs"]["content"].size(), 3U);
    }
  }
}

TEST(ChatTest, FailureBeforeTheFirstWordIsAnErrorResponse) {
  TestServer server;
  server.generator.before_word = [](int) {
    return Status(Error{ErrorCode::kOverloaded, "the queue is full"});
  };
  for (const char* stream : {"true", "false"}) {
    const TestResponse response =
        post_json(server.port(), kPath, chat_with(std::string(R"("stream":)") + stream));
    EXPECT_EQ(response.status, 429);
    EXPECT_EQ(response.headers.at("retry-after"), "1");
    EXPECT_EQ(parsed(response.body)["error"]["message"], "the queue is full");
  }
}

TEST(ChatTest, FailureInTheMiddleIsTheLastEvent) {
  TestServer server;
  server.generator.before_word = [](int word) {
    return word < 2 ? Status() : Status(Error{ErrorCode::kInternal, "secret place in memory"});
  };
  TestClient client(server.port());
  client.send(request_text("POST", kPath, {{"Content-Type", "application/json"}},
                           chat_with(R"("stream":true)")));
  const TestResponse response = client.receive();
  EXPECT_EQ(response.status, 200);
  const auto events = events_of(response.body);
  const base::Json last = parsed(events.back());
  EXPECT_EQ(last["error"]["message"], "internal error");
  EXPECT_EQ(last["error"].size(), 4U);
  EXPECT_THAT(response.body, Not(HasSubstr("secret")));
  // The connection lives on.
  client.send(request_text("GET", "/healthz"));
  EXPECT_EQ(client.receive().status, 200);
}

TEST(ChatTest, ClientThatLeavesStopsTheWorkAtOnce) {
  for (const bool is_stream : {true, false}) {
    TestServer server;
    server.generator.words.assign(1'000, " word");
    server.generator.before_word = [](int) {
      std::this_thread::sleep_for(milliseconds(5));
      return Status();
    };
    TestClient client(server.port());
    client.send(request_text("POST", kPath, {{"Content-Type", "application/json"}},
                             is_stream ? chat_with(R"("stream":true)") : kChat));
    ASSERT_TRUE(eventually([&] { return server.generator.num_words > 3; }));
    client.close();
    ASSERT_TRUE(eventually([&] { return server.generator.num_cancelled == 1; })) << is_stream;
    EXPECT_LT(server.generator.num_words, 500);
  }
}

TEST(ChatTest, ClientThatLeavesTheQueueGivesUpItsPlace) {
  TestServerOptions options = plain_options();
  options.server.generation_threads = 1;
  options.server.generations_waiting = 1;
  TestServer server(options);
  std::atomic<bool> may_go_on = false;
  server.generator.before_word = [&](int) {
    EXPECT_TRUE(eventually([&] { return may_go_on.load(); }));
    return Status();
  };
  const auto num_jobs = [&](int expected) {
    return eventually([&] {
      return call(server.port(), "GET", "/metrics")
                 .body.find("kith_jobs{lane=\"generation\"} " + std::to_string(expected)) !=
             std::string::npos;
    });
  };
  for (const bool is_stream : {true, false}) {
    const std::string request = request_text("POST", kPath, {{"Content-Type", "application/json"}},
                                             is_stream ? chat_with(R"("stream":true)") : kChat);
    TestClient running(server.port());
    running.send(request);
    ASSERT_TRUE(eventually([&] { return server.generator.num_running == 1; }));
    TestClient left(server.port());
    left.send(request);
    ASSERT_TRUE(num_jobs(2));
    EXPECT_EQ(post_json(server.port(), kPath, kChat).status, 429);
    left.close();
    ASSERT_TRUE(num_jobs(1)) << is_stream;
    // Its place is another's, long before the one at work is done.
    TestClient next(server.port());
    next.send(request);
    ASSERT_TRUE(num_jobs(2));
    may_go_on = true;
    EXPECT_EQ(running.receive().status, 200);
    EXPECT_EQ(next.receive().status, 200);
    ASSERT_TRUE(eventually([&] { return server.generator.num_running == 0; }));
    may_go_on = false;
  }
  // The one that left was never begun.
  EXPECT_EQ(server.generator.num_words, 4 * 3);
}

TEST(ChatTest, AdaptersAreNamedAsModelOrByNumber) {
  TestServer server;
  server.generator.adapters = {AdapterId("new_hire"), AdapterId("leadership")};
  add_user(server, "anna", "director");
  const auto ask = [&](const std::string& members) {
    const TestResponse response = post_json(server.port(), kPath, chat_with(members), kAnna);
    EXPECT_EQ(response.status, 200) << response.body;
    return parsed(response.body);
  };
  const base::Json named = ask(R"("model":"new_hire")");
  EXPECT_EQ(named["model"], "new_hire");
  EXPECT_EQ(named["kith"]["assigned_persona"], "leadership");
  EXPECT_EQ(named["kith"]["adapter"], "new_hire");
  EXPECT_EQ(server.generator.last_request.adapters,
            personalize::only_adapter(AdapterId("new_hire")));
  bool is_planned = false;
  for (const auto& step : named["kith"]["plan"]) {
    is_planned = is_planned || (step["technique"] == "adapter" &&
                                step["reason"] == "named by the request" && step["used"] == true);
  }
  EXPECT_TRUE(is_planned);

  const base::Json list = parsed(call(server.port(), "GET", "/lora-adapters").body);
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0]["id"], 0);
  EXPECT_EQ(list[0]["name"], "leadership");
  EXPECT_EQ(list[1]["scale"], 0.0);
  const base::Json blend = ask(R"("lora":[{"id":0,"scale":0.25},{"id":1,"scale":0.75}])");
  EXPECT_EQ(blend["model"], "kith-test");
  EXPECT_EQ(blend["kith"]["adapter"], "new_hire");
  EXPECT_EQ(blend["kith"]["adapters"], (base::Json{{"leadership", 0.25}, {"new_hire", 0.75}}));
  const base::Json none = ask(R"("lora":[{"id":0,"scale":0}])");
  EXPECT_FALSE(none["kith"].contains("adapter"));
  EXPECT_TRUE(server.generator.last_request.adapters.empty());
  for (const char* usual : {"kith-test", "kith", "default", ""}) {
    const base::Json answer = ask(R"("model":")" + std::string(usual) + R"(")");
    EXPECT_EQ(answer["kith"]["adapter"], "leadership");
    EXPECT_EQ(answer["model"], "kith-test");
  }
}

TEST(ChatTest, AModelThatIsNotThereIsNotFound) {
  TestServer server;
  for (const char* stream : {"false", "true"}) {
    const TestResponse response = post_json(
        server.port(), kPath, chat_with(R"("model":"gpt-9","stream":)" + std::string(stream)));
    EXPECT_EQ(response.status, 404);
    const base::Json error = parsed(response.body)["error"];
    EXPECT_EQ(error["code"], "model_not_found");
    EXPECT_EQ(error["param"], "model");
    EXPECT_EQ(error["type"], "invalid_request_error");
  }
  // Also beside `lora`, whose adapters stand on a model.
  EXPECT_EQ(post_json(server.port(), kPath, chat_with(R"("model":"gpt-9","lora":[])")).status, 404);
  // An adapter that was unloaded is such a model.
  EXPECT_EQ(post_json(server.port(), kPath, chat_with(R"("model":"leadership")")).status, 200);
  server.generator.adapters.clear();
  EXPECT_EQ(post_json(server.port(), kPath, chat_with(R"("model":"leadership")")).status, 404);
}

TEST(ChatTest, AnyModelCanBeAccepted) {
  TestServerOptions options = plain_options();
  options.server.accepts_any_model = true;
  TestServer server(options);
  const TestResponse response =
      post_json(server.port(), kPath, chat_with(R"("model":"gpt-9","lora":[])"));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(parsed(response.body)["model"], "kith-test");
}

TEST(ChatTest, AdaptersThatAreNotThereAreRefusedByName) {
  TestServer server;
  EXPECT_EQ(
      error_param(post_json(server.port(), kPath, chat_with(R"("lora":[{"id":1,"scale":1}])"))),
      "lora[0].id");
  EXPECT_EQ(
      error_param(post_json(server.port(), kPath, chat_with(R"("model":"leadership","lora":[])"))),
      "lora");
  EXPECT_EQ(error_param(post_json(server.port(), kPath, chat_with(R"("lora":[{"id":0}])"))),
            "lora[0].scale");
}

TEST(ChatTest, RowsOfEmbeddingsReachTheModel) {
  TestServer server;
  const auto ask = [&](const std::string& rows) {
    return post_json(server.port(), kPath, chat_with(R"("kith":{"soft_prompt":)" + rows + "}"));
  };
  EXPECT_EQ(ask(R"({"dtype":"f16","shape":[2,2],"data":"AAAAAAAAAAA="})").status, 200);
  ASSERT_NE(server.generator.last_request.soft_prompt, nullptr);
  EXPECT_EQ(server.generator.last_request.soft_prompt->rows(), 2);
  const TestResponse wide = ask(R"({"dtype":"f16","shape":[1,4],"data":"AAAAAAAAAAA="})");
  EXPECT_EQ(wide.status, 400);
  EXPECT_EQ(error_param(wide), "kith.soft_prompt");
  const TestResponse pickled = ask(R"({"dtype":"f16","shape":[1,2],"data":"gAJ9"})");
  EXPECT_EQ(error_param(pickled), "kith.soft_prompt.data");
}

TEST(ChatTest, ReaderThatIsTooSlowLosesItsAnswer) {
  TestServerOptions options = plain_options();
  options.server.max_stream_buffer_bytes = 4'096;
  TestServer server(options);
  server.generator.words.assign(200, std::string(100'000, 'x'));
  TestClient client(server.port());
  client.send(request_text("POST", kPath, {{"Content-Type", "application/json"}},
                           chat_with(R"("stream":true)")));
  EXPECT_TRUE(eventually([&] { return server.generator.num_cancelled == 1; }));
}

TEST(ChatTest, QuietStreamsAreKeptAlive) {
  TestServerOptions options = plain_options();
  options.server.ping_interval = milliseconds(20);
  TestServer server(options);
  std::atomic<bool> may_speak = false;
  server.generator.before_word = [&](int word) {
    EXPECT_TRUE(word != 0 || eventually([&] { return may_speak.load(); }));
    return Status();
  };
  TestClient client(server.port());
  client.send(request_text("POST", kPath, {{"Content-Type", "application/json"}},
                           chat_with(R"("stream":true)")));
  const std::string quiet = client.receive_until(": ping\n\n");
  EXPECT_THAT(quiet, HasSubstr("200 OK"));
  EXPECT_THAT(quiet, Not(HasSubstr("data:")));
  may_speak = true;
  const TestResponse response = client.receive();
  EXPECT_EQ(events_of(response.body).back(), "[DONE]");
}

TEST(ChatTest, FailureAfterAnEarlyStartIsTheLastEvent) {
  TestServerOptions options = plain_options();
  options.server.ping_interval = milliseconds(20);
  TestServer server(options);
  std::atomic<bool> may_speak = false;
  server.generator.before_word = [&](int) {
    EXPECT_TRUE(eventually([&] { return may_speak.load(); }));
    return Status(Error{ErrorCode::kOverloaded, "the queue is full"});
  };
  TestClient client(server.port());
  client.send(request_text("POST", kPath, {{"Content-Type", "application/json"}},
                           chat_with(R"("stream":true)")));
  client.receive_until(": ping\n\n");
  may_speak = true;
  const auto events = events_of(client.receive().body);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(parsed(events[0])["error"]["message"], "the queue is full");
}

TEST(ChatTest, RequestsBeyondTheLimitComeBackLater) {
  TestServerOptions options = plain_options();
  options.server.generation_threads = 1;
  options.server.generations_waiting = 1;
  TestServer server(options);
  std::atomic<bool> may_go_on = false;
  server.generator.before_word = [&](int) {
    EXPECT_TRUE(eventually([&] { return may_go_on.load(); }));
    return Status();
  };
  const std::string request =
      request_text("POST", kPath, {{"Content-Type", "application/json"}}, kChat);
  TestClient running(server.port());
  running.send(request);
  ASSERT_TRUE(eventually([&] { return server.generator.num_running == 1; }));
  TestClient waiting(server.port());
  waiting.send(request);
  ASSERT_TRUE(eventually([&] {
    const std::string metrics = call(server.port(), "GET", "/metrics").body;
    return metrics.find("kith_jobs{lane=\"generation\"} 2") != std::string::npos;
  }));
  const TestResponse refused = post_json(server.port(), kPath, kChat);
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.headers.at("retry-after"), "1");
  // Others are still served.
  EXPECT_EQ(call(server.port(), "GET", "/v1/models").status, 200);
  may_go_on = true;
  EXPECT_EQ(running.receive().status, 200);
  EXPECT_EQ(waiting.receive().status, 200);
}

TEST(ChatTest, BadRequestsNameTheMember) {
  TestServer server;
  EXPECT_EQ(error_param(post_json(server.port(), kPath, chat_with(R"("n":0)"))), "n");
  EXPECT_EQ(error_param(post_json(server.port(), kPath, "{}")), "messages");
  EXPECT_EQ(post_json(server.port(), kPath, "{\"messages\":").status, 400);
  EXPECT_EQ(post_json(server.port(), kPath, "{\"messages\":\"\xff\xfe\"}").status, 400);
}

TEST(ChatTest, OwnEngineRefusesByNameWhatItCannotHonour) {
  TestServer server;
  const TestResponse tools = post_json(
      server.port(), kPath, chat_with(R"("tools":[{"type":"function","function":{"name":"f"}}])"));
  EXPECT_EQ(tools.status, 400);
  EXPECT_EQ(error_param(tools), "tools");
  const TestResponse pattern =
      post_json(server.port(), kPath, chat_with(R"("guided_regex":"a*","min_tokens":0)"));
  EXPECT_EQ(pattern.status, 400);
  EXPECT_EQ(error_param(pattern), "guided_regex");
  const TestResponse image =
      post_json(server.port(), kPath,
                R"({"messages":[{"role":"user","content":[{"type":"text","text":"see"},)"
                R"({"type":"image_url","image_url":{"url":"data:"}}]}]})");
  EXPECT_EQ(error_param(image), "messages[0].content[1].image_url");
}

TEST(ChatTest, NamesTheMemberThatTheGeneratorRefused) {
  TestServer server;
  const auto error_after = [&](std::string_view message, const std::string& members) {
    server.generator.before_word = [message](int) -> Status {
      return Error{ErrorCode::kInvalidArgument, std::string(message) + " ..."};
    };
    const TestResponse response = post_json(server.port(), kPath, chat_with(members));
    EXPECT_EQ(response.status, 400);
    return parsed(response.body)["error"];
  };
  const base::Json prompt = error_after(personalize::kPromptTooLong, R"("n":1)");
  EXPECT_EQ(prompt["param"], "messages");
  EXPECT_EQ(prompt["code"], "context_length_exceeded");
  const base::Json answer = error_after(personalize::kAnswersTooLong, R"("stream":true)");
  EXPECT_EQ(answer["param"], "max_tokens");
  EXPECT_EQ(answer["code"], "context_length_exceeded");
  EXPECT_EQ(error_after(personalize::kAnswersTooLong, R"("n":3)")["param"], "n");
  EXPECT_EQ(error_after("logit_bias must", R"("n":1)")["param"], "logit_bias");
  EXPECT_TRUE(error_after("something else", R"("n":1)")["param"].is_null());
  server.generator.before_word = nullptr;
  EXPECT_EQ(error_param(post_json(server.port(), kPath,
                                  R"({"messages":[{"role":"system","content":"be kind"}]})")),
            "messages");
}

TEST(ChatTest, UsageCountsTheAnswersThatAreShown) {
  TestServer server;
  const base::Json body =
      parsed(post_json(server.port(), kPath, chat_with(R"("kith":{"candidates":4})")).body);
  EXPECT_EQ(body["usage"]["completion_tokens"], 3);
  EXPECT_EQ(body["usage"]["total_tokens"], 13);
  EXPECT_EQ(body["kith"]["generated_tokens"], 12);
  const base::Json two =
      parsed(post_json(server.port(), kPath, chat_with(R"("n":2,"kith":{"candidates":4})")).body);
  EXPECT_EQ(two["usage"]["completion_tokens"], 6);
  EXPECT_EQ(two["kith"]["generated_tokens"], 12);
}

TEST(ChatTest, UnknownMembersAreIgnoredAndToldOf) {
  TestServer server;
  for (const char* stream : {"false", "true"}) {
    const TestResponse response = post_json(
        server.port(), kPath,
        chat_with(R"("frobnicate":1,"temprature\r\n":2,"stream":)" + std::string(stream)));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.headers.at("x-kith-ignored"), "frobnicate, temprature%0D%0A");
  }
  EXPECT_FALSE(post_json(server.port(), kPath, kChat).headers.contains("x-kith-ignored"));
  // Kith's own members are never ignored.
  EXPECT_EQ(error_param(post_json(server.port(), kPath, chat_with(R"("kith":{"odd":1})"))),
            "kith.odd");
}

TEST(ChatTest, UnknownMembersCanBeRefused) {
  TestServerOptions options = plain_options();
  options.server.ignores_unknown_fields = false;
  TestServer server(options);
  const TestResponse unknown = post_json(server.port(), kPath, chat_with(R"("frobnicate":1)"));
  EXPECT_EQ(unknown.status, 400);
  EXPECT_EQ(error_param(unknown), "frobnicate");
  EXPECT_EQ(parsed(unknown.body)["error"]["code"], "unsupported_parameter");
}

TEST(ChatTest, NothingIsKeptWhenTheClientSaysSo) {
  TestServer server;
  add_user(server, "anna", "director");
  post_json(server.port(), kPath, chat_with(R"("store":false)"), kAnna);
  post_json(server.port(), kPath, chat_with(R"("kith":{"temporary":true})"), kAnna);
  post_json(server.port(), kPath, kChat, {{"X-Kith-User", "anna"}, {"X-OpenWebUI-Task", "title"}});
  EXPECT_EQ(num_conversations(server, "anna"), 0U);
  post_json(server.port(), kPath, kChat, kAnna);
  EXPECT_EQ(num_conversations(server, "anna"), 1U);
}

TEST(ChatTest, ConversationIsTakenFromTheHeader) {
  TestServer server;
  TestHeaders headers = kAnna;
  headers.emplace_back("X-Kith-Conversation", "talk-7");
  const base::Json body = parsed(post_json(server.port(), kPath, kChat, headers).body);
  EXPECT_EQ(body["kith"]["conversation"], "talk-7");
}

TEST(ChatTest, FeedbackReachesTheDecision) {
  TestServer server;
  add_user(server, "anna", "director");
  const base::Json answer = parsed(post_json(server.port(), kPath, kChat, kAnna).body);
  const std::string decision = answer["kith"]["decision"];
  const std::string said = R"({"completion":")" + answer["id"].get<std::string>() +
                           R"(","user":"anna","signals":[{"kind":"thumb","value":1}]})";
  const base::Json applied = parsed(post_json(server.port(), "/v1/feedback", said).body);
  EXPECT_EQ(applied["applied_to"], base::Json::array({decision}));
  EXPECT_EQ(applied["added"], 1);
  EXPECT_EQ(parsed(post_json(server.port(), "/v1/feedback", said).body)["added"], 0);
  // An operator need not name the user.
  const std::string later =
      R"({"batch":[{"decision":")" + decision +
      R"(","signals":[{"kind":"dwell","value":4}]},{"decision":"none","signals":[{"kind":"dwell","value":4}]}]})";
  const base::Json batch = parsed(post_json(server.port(), "/v1/feedback", later).body);
  EXPECT_EQ(batch["added"], 1);
  EXPECT_EQ(batch["errors"][0]["index"], 1);
  const base::Json shown = parsed(call(server.port(), "GET", "/v1/decisions/" + decision).body);
  EXPECT_EQ(shown["user"], "anna");
  EXPECT_EQ(shown["persona"], "leadership");
  EXPECT_EQ(shown["feedback"].size(), 2U);
  EXPECT_TRUE(shown["decision"].is_object());
}

}  // namespace
}  // namespace kith::server
