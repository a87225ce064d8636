#include "kith/runtime/load/probes.h"

#include <algorithm>
#include <set>
#include <thread>

#include "kith/base/json.h"
#include "kith/runtime/load/replies.h"

namespace kith::runtime::load {
namespace {

using base::Json;

// Long enough that prompts share blocks of the KV cache, across versions of an adapter too if
// something went wrong.
constexpr const char* kPrompt =
    "the network printer does not work when the laptop is new please reset my badge and my mailbox";

// The personas' and some others; with all of them, asking alone would take longer than the load.
constexpr std::ptrdiff_t kNumAskedAdapters = 12;

// Whom examples/service-desk/personas.toml answers as leadership.
constexpr const char* kDirector = "director";

// The adapter that a chat was answered with; empty without one.
std::string adapter_of(const server::TestResponse& reply) {
  const auto body = base::parse_json(reply.body);
  if (!body || !body->contains("kith")) return "no answer";
  return (*body)["kith"].value("adapter", "");
}

std::string completion_body(const std::string& model, const std::string& prompt) {
  return base::dump_json(Json{{"model", model},
                              {"prompt", prompt},
                              {"max_tokens", 24},
                              {"temperature", 0},
                              {"logprobs", 2}});
}

// A chat whose prompt depends on nothing that others change.
std::string chat_body(const std::string& model) {
  return base::dump_json(Json{
      {"model", model},
      {"messages", Json::array({{{"role", "user"}, {"content", "how do I reset my password"}}})},
      {"max_tokens", 24},
      {"temperature", 0},
      {"kith", {{"candidates", 1}, {"temporary", true}, {"plan", {{"knowledge", false}}}}}});
}

// What is the same in all answers to one question: no id, no time, no usage of caches.
std::string essence(const Json& body) {
  if (body.contains("data")) return base::dump_json(body["data"]);
  Json essence = Json::array();
  for (const Json& choice : body.at("choices")) {
    Json part{{"finish_reason", choice.at("finish_reason")}};
    for (const char* name : {"text", "message", "logprobs"}) {
      if (choice.contains(name)) part[name] = choice[name];
    }
    essence.push_back(std::move(part));
  }
  return base::dump_json(essence);
}

}  // namespace

std::string Probes::ask(const Question& question, bool may_be_full) {
  server::TestClient client(server_.port(), patience_);
  client.send(server::request_text("POST", question.target, {{"Content-Type", "application/json"}},
                                   question.body));
  const auto reply = client.receive();
  tally_.count("probe " + std::to_string(reply.status));
  if (reply.status == 429 && may_be_full) {
    if (auto complaint = check_error(reply, {429})) tally_.fail("probe: " + *complaint);
    return {};
  }
  const auto body = base::parse_json(reply.body);
  if (reply.status != 200 || !body) {
    tally_.fail("probe: " + std::to_string(reply.status) + " " + reply.body.substr(0, 300));
    return {};
  }
  return essence(*body);
}

std::string Probes::ask_swapped(bool may_be_full) { return ask(swapped_, may_be_full); }

bool Probes::load_version(std::size_t version) {
  const std::string body = base::dump_json(Json{
      {"lora_name", kSwapped}, {"lora_path", server_.versions()[version]}, {"load_inplace", true}});
  const auto reply = server::post_json(server_.port(), "/v1/load_lora_adapter", body);
  if (reply.status != 200) tally_.fail("swap: " + std::to_string(reply.status) + " " + reply.body);
  return reply.status == 200;
}

Status Probes::learn() {
  const auto fail = [](const std::string& why) { return Error{ErrorCode::kInternal, why}; };
  const auto director = server::call(server_.port(), "PUT", "/v1/users/" + std::string(kDirector),
                                     {{"Content-Type", "application/json"}},
                                     R"({"attributes": {"grade": "director"}})");
  if (director.status != 200) return fail("no user: " + director.body);
  const std::string adapter = adapter_of(ask_director());
  if (adapter != LoadServer::kMissed) return fail("the director is answered by " + adapter);
  std::vector<std::string> models(server_.adapters().begin(),
                                  server_.adapters().begin() + kNumAskedAdapters);
  models.emplace_back("kith");
  for (const std::string& model : models) {
    questions_.push_back({"/v1/completions", completion_body(model, kPrompt), ""});
    if (questions_.size() % 4 == 1)
      questions_.push_back({"/v1/chat/completions", chat_body(model), ""});
  }
  questions_.push_back(
      {"/v1/embeddings", R"({"input": ["the vpn does not work", "a new badge"]})", ""});
  std::set<std::string> distinct;
  for (Question& question : questions_) {
    question.answer = ask(question, false);
    if (question.answer.empty()) return fail("a probe has no answer alone");
    if (question.answer != ask(question, false)) {
      return fail("a probe has two answers alone: " + question.body);
    }
    distinct.insert(question.answer);
  }
  if (distinct.size() < questions_.size() * 3 / 4) {
    return fail("probes are too alike: " + std::to_string(distinct.size()) + " answers to " +
                std::to_string(questions_.size()));
  }
  swapped_ = {"/v1/completions", completion_body(kSwapped, kPrompt), ""};
  for (std::size_t i = 0; i < server_.versions().size(); ++i) {
    if (!load_version(i)) return fail("an adapter's version cannot be loaded");
    swapped_answers_.push_back(ask_swapped(false));
  }
  const std::set<std::string> versions(swapped_answers_.begin(), swapped_answers_.end());
  if (versions.size() != swapped_answers_.size()) return fail("versions of an adapter are alike");
  return {};
}

void Probes::check_one(base::Rng& rng) {
  if (rng.below(4) == 0) {
    const std::string answer = ask_swapped();
    const bool is_known = std::find(swapped_answers_.begin(), swapped_answers_.end(), answer) !=
                          swapped_answers_.end();
    if (!answer.empty() && !is_known) {
      tally_.fail("an answer of no version of the adapter: " + answer);
    }
    return;
  }
  const Question& question = questions_[rng.below(questions_.size())];
  const std::string answer = ask(question);
  if (!answer.empty() && answer != question.answer) {
    tally_.fail("another answer than alone to " + question.body + ": " + answer + " instead of " +
                question.answer);
  }
}

void Probes::swap(base::Rng& rng) {
  const std::size_t version = rng.below(server_.versions().size());
  const auto before = server_.generator().adapters().find(AdapterId(kSwapped));
  if (!load_version(version)) return;
  ++num_swaps_;
  std::erase_if(replaced_, [](const auto& adapter) { return adapter.expired(); });
  if (before) replaced_.emplace_back(*before);
  const std::string answer = ask_swapped();
  if (!answer.empty() && answer != swapped_answers_[version]) {
    tally_.fail("a replaced adapter answers: " + answer + " instead of " +
                swapped_answers_[version]);
  }
}

server::TestResponse Probes::ask_director() const {
  server::TestClient client(server_.port(), patience_);
  client.send(server::request_text(
      "POST", "/v1/chat/completions",
      {{"Content-Type", "application/json"}, {"X-Kith-User", kDirector}}, chat_body("kith")));
  return client.receive();
}

void Probes::miss(base::Rng& rng) {
  const auto post = [this](const char* what, const Json& body) {
    const auto reply = server::post_json(
        server_.port(), "/v1/" + std::string(what) + "_lora_adapter", base::dump_json(body));
    if (reply.status != 200) tally_.fail(std::string(what) + ": " + reply.body);
  };
  post("unload", {{"lora_name", LoadServer::kMissed}});
  const auto reply = ask_director();
  if (reply.status == 200 && adapter_of(reply).empty()) {
    tally_.count(kAnswersWithout);
  } else if (reply.status != 429) {
    tally_.fail("without the persona's adapter: " + std::to_string(reply.status) + " " +
                reply.body.substr(0, 600));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(rng.below(20)));
  post("load", {{"lora_name", LoadServer::kMissed}, {"lora_path", LoadServer::kMissed}});
}

std::size_t Probes::num_held_versions() {
  std::erase_if(replaced_, [](const auto& adapter) { return adapter.expired(); });
  return replaced_.size();
}

}  // namespace kith::runtime::load
