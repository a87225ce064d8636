#include "kith/runtime/load/load_client.h"

#include <array>
#include <chrono>
#include <thread>

#include "kith/base/json.h"
#include "kith/personalize/snapshot.h"

namespace kith::runtime::load {
namespace {

using base::Json;
using server::TestClient;
using server::TestResponse;

void pause(base::Rng& rng, std::uint64_t most_ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(rng.below(most_ms + 1)));
}

Request json_request(std::string kind, std::string method, std::string target, const Json& body) {
  Request request{
      .kind = std::move(kind), .method = std::move(method), .target = std::move(target)};
  request.body = base::dump_json(body);
  return request;
}

}  // namespace

LoadClient::LoadClient(LoadServer& server, Probes& probes, Tally& tally, const LoadOptions& options,
                       int index)
    : server_(server),
      probes_(probes),
      tally_(tally),
      options_(options),
      index_(index),
      rng_(options.seed * 1000 + static_cast<std::uint64_t>(index)),
      facts_(server.facts()) {
  facts_.adapters.emplace_back(Probes::kSwapped);
}

void LoadClient::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    act();
    // People read, too; and pauses of all lengths make schedules of all kinds.
    if (rng_.below(3) == 0) pause(rng_, 40);
  }
}

void LoadClient::act() {
  const std::uint64_t draw = rng_.below(100);
  if (draw < 32) return perform(random_chat(rng_, facts_));
  if (draw < 50) return perform(random_completion(rng_, facts_));
  if (draw < 57) return perform(random_structured(rng_, facts_));
  if (draw < 62) return perform(random_soft_prompt(rng_, facts_));
  if (draw < 69) return perform(random_embeddings(rng_));
  if (draw < 81) return probes_.check_one(rng_);
  if (draw < 85) return live_and_leave();
  if (draw < 88) return chat_and_tell();
  if (draw < 90) return bring_adapter();
  if (draw < 93) return hurry();
  if (draw < 96) return perform(random_read(rng_));
  if (draw < 99) return perform(random_mistake(rng_));
  perform(random_import(rng_));
}

void LoadClient::perform(const Request& request) {
  const bool leaves = request.must_fail_with == 0 && rng_.below(100) < 15;
  if (leaves) return leave(request);
  judge(request, exchange(request));
}

TestResponse LoadClient::exchange(const Request& request) {
  const auto start = std::chrono::steady_clock::now();
  TestClient client(server_.port(), options_.patience);
  client.send(server::request_text(request.method, request.target, request.headers, request.body));
  TestResponse reply = client.receive();
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  if (reply.status == 200) tally_.time(request.kind, took.count());
  return reply;
}

// At any point: in the middle of the request, in the queue, in the prompt, in the answer.
void LoadClient::leave(const Request& request) {
  const std::string bytes =
      server::request_text(request.method, request.target, request.headers, request.body);
  TestClient client(server_.port(), options_.patience);
  const bool is_cut = rng_.below(10) == 0;
  client.send(is_cut ? bytes.substr(0, 1 + rng_.below(bytes.size() - 1)) : bytes);
  if (request.is_stream && !is_cut && rng_.below(2) == 0) client.receive_until("\r\n\r\n");
  pause(rng_, rng_.below(4) == 0 ? 300 : 30);
  client.close();
  tally_.count("left");
  tally_.count(request.kind + " left");
}

void LoadClient::judge(const Request& request, const TestResponse& reply) {
  tally_.count(request.kind + " " + std::to_string(reply.status));
  tally_.count("status " + std::to_string(reply.status));
  const auto complain = [&](const std::string& what) {
    tally_.fail(request.kind + ": " + what + "\n  asked: " + request.body.substr(0, 600));
  };
  if (reply.status == 429) {
    if (auto complaint = check_error(reply, {429})) complain(*complaint);
    return pause(rng_, 600);
  }
  if (request.must_fail_with != 0) {
    if (auto complaint = check_error(reply, {request.must_fail_with})) complain(*complaint);
    return;
  }
  for (const int status : request.errors) {
    if (reply.status != status) continue;
    if (auto complaint = check_error(reply, request.errors)) complain(*complaint);
    return;
  }
  if (!request.expected) {
    if (reply.status != 200)
      complain(std::to_string(reply.status) + " " + reply.body.substr(0, 300));
    return;
  }
  Choices choices;
  auto complaint = read_choices(reply, request.is_stream, choices);
  if (!complaint) complaint = check_choices(choices, *request.expected);
  if (complaint) return complain(*complaint);
  tally_.count("answers");
  tally_.count("completion tokens", static_cast<std::uint64_t>(choices.completion_tokens));
}

void LoadClient::live_and_leave() {
  // Each life is another user: what is found afterwards was written afterwards.
  const std::string user = "life-" + std::to_string(index_) + "-" + std::to_string(num_lives_++);
  judge(json_request("user", "PUT", "/v1/users/" + user, {{"attributes", {{"grade", "director"}}}}),
        exchange(json_request("user", "PUT", "/v1/users/" + user,
                              {{"attributes", {{"grade", "director"}}}})));
  Request chat = random_chat(rng_, facts_);
  chat.headers = {{"Content-Type", "application/json"}, {"X-Kith-User", user}};
  TestClient client(server_.port(), options_.patience);
  client.send(server::request_text(chat.method, chat.target, chat.headers, chat.body));
  // A stream that has begun has met the user; otherwise the chat may begin after the erasure.
  if (chat.is_stream) client.receive_until("\r\n\r\n");
  if (!chat.is_stream) pause(rng_, 60);
  const Request erase = json_request("erase", "DELETE", "/v1/users/" + user, Json::object());
  TestResponse receipt = exchange(erase);
  judge(erase, receipt);
  const TestResponse answer = client.receive();
  judge(chat, answer);
  const bool is_after = !chat.is_stream || answer.status != 200 || receipt.status != 200;
  for (int i = 0; is_after && i < 50; ++i) {
    receipt = exchange(erase);
    judge(erase, receipt);
    if (receipt.status == 200) break;
  }
  const Request look{.kind = "export",
                     .method = "GET",
                     .target = "/v1/users/" + user + "/export",
                     .headers = {},
                     .errors = {404}};
  const TestResponse left = exchange(look);
  judge(look, left);
  if (left.status == 200) tally_.fail("an erased user is back: " + left.body.substr(0, 600));
}

void LoadClient::chat_and_tell() {
  Request chat = random_chat(rng_, facts_);
  chat.headers = {{"Content-Type", "application/json"}, {"X-Kith-User", random_user(rng_)}};
  const TestResponse reply = exchange(chat);
  judge(chat, reply);
  Choices choices;
  if (reply.status != 200 || read_choices(reply, chat.is_stream, choices)) return;
  if (choices.decision.empty()) return;
  // Not there if the chat was temporary.
  Request why{.kind = "decision",
              .method = "GET",
              .target = "/v1/decisions/" + choices.decision,
              .headers = {chat.headers.back()},
              .errors = {404}};
  judge(why, exchange(why));
  Request feedback = json_request(
      "feedback", "POST", "/v1/feedback",
      {{"decision", choices.decision},
       {"user", chat.headers.back().second},
       {"signals", Json::array({{{"kind", "thumb"}, {"value", rng_.below(2) == 0}}})}});
  feedback.errors = {404};
  judge(feedback, exchange(feedback));
}

void LoadClient::bring_adapter() {
  const std::string name = "guest-" + std::to_string(index_);
  const std::string& path = server_.versions()[rng_.below(server_.versions().size())];
  const Request load = json_request("load adapter", "POST", "/v1/load_lora_adapter",
                                    {{"lora_name", name}, {"lora_path", path}});
  judge(load, exchange(load));
  RequestFacts guest = facts_;
  guest.adapters = {name};
  perform(random_completion(rng_, guest));
  const Request unload =
      json_request("unload adapter", "POST", "/v1/unload_lora_adapter", {{"lora_name", name}});
  judge(unload, exchange(unload));
}

void LoadClient::hurry() {
  engine::GenerateRequest request;
  const auto& tokenizer = server_.generator().model().tokenizer;
  request.prompt = tokenizer.encode(random_text(rng_, 1 + rng_.below(60)));
  request.max_tokens = 64;
  const auto patience = std::chrono::microseconds(rng_.below(100'000));
  request.deadline = server_.clock().monotonic() + patience;
  const auto answers = server_.generator().engine().generate(std::move(request));
  if (answers) {
    tally_.count("deadline kept");
  } else {
    tally_.count("deadline: " + std::string(personalize::name_of(answers.error().code)));
    const ErrorCode code = answers.error().code;
    if (code != ErrorCode::kDeadlineExceeded && code != ErrorCode::kOverloaded) {
      tally_.fail("a request with a deadline: " + answers.error().message);
    }
  }
}

}  // namespace kith::runtime::load
