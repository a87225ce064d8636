#include "kith/server/test_server.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>

namespace kith::server {
namespace {

constexpr const char* kPersonas = R"(
[[persona]]
id = "leadership"
name = "Leadership"
description = "Runs the company."
needs = ["decisions"]
priority = "high"
[persona.attributes]
grade = ["director"]
[persona.style]
tone = "crisp"
format = "plain sentences"
language = "user"
length = "short"
reading_level = 12

[[persona]]
id = "new_hire"
name = "New hire"
description = "Started this month."
needs = ["orientation"]
priority = "normal"
[persona.attributes]
grade = ["trainee"]
[persona.style]
tone = "warm"
format = "numbered steps"
language = "user"
length = "medium"
reading_level = 7
)";

std::shared_ptr<const persona::Assigner> make_assigner() {
  auto catalogue = persona::PersonaCatalogue::from_toml(kPersonas, "test");
  if (!catalogue) ADD_FAILURE() << catalogue.error().message;
  auto assigner = persona::Assigner::create(*std::move(catalogue));
  return std::make_shared<const persona::Assigner>(*std::move(assigner));
}

// A word as a token of OpenAI's "logprobs.content".
std::string token_entry(const std::string& word) {
  return R"({"token":")" + word + R"(","logprob":-0.5,"bytes":null,"top_logprobs":[]})";
}

}  // namespace

Result<std::vector<personalize::GeneratedText>> FakeGenerator::generate(
    const personalize::GenerationRequest& request, personalize::DeltaSink* sink,
    const personalize::CancelToken& cancel) {
  ++num_running;
  {
    const std::lock_guard lock(mutex_);
    last_request = request;
  }
  std::vector<personalize::GeneratedText> answers(request.samples.size());
  std::optional<Error> failure;
  for (std::size_t word = 0; word < words.size() && !failure; ++word) {
    if (before_word) {
      const Status status = before_word(static_cast<int>(word));
      if (!status) failure = status.error();
    }
    if (cancel.stop_requested()) failure = Error{ErrorCode::kCancelled, "cancelled"};
    for (std::size_t sample = 0; sample < answers.size() && !failure; ++sample) {
      std::string logprobs;
      if (request.samples[sample].wants_logprobs) {
        logprobs = R"({"content":[)" + token_entry(words[word]) + R"(],"refusal":null})";
        answers[sample].token_begins.push_back(answers[sample].text.size());
      }
      answers[sample].text += words[word];
      if (sink != nullptr) {
        sink->on_delta({static_cast<int>(sample), words[word], {}, logprobs});
      }
    }
    ++num_words;
  }
  --num_running;
  if (failure && failure->code == ErrorCode::kCancelled) ++num_cancelled;
  if (failure) return *failure;
  for (auto& answer : answers) {
    answer.prompt_tokens = 10;
    answer.completion_tokens = static_cast<int>(words.size());
    answer.mean_logprob = -0.5;
    if (answer.token_begins.empty()) continue;
    std::string entries;
    for (const std::string& word : words) {
      entries += (entries.empty() ? "" : ",") + token_entry(word);
    }
    answer.logprobs = R"({"content":[)" + entries + R"(],"refusal":null})";
  }
  return answers;
}

// Takes rows of two values.
Result<std::shared_ptr<const personalize::SoftPrompt>> FakeGenerator::read_soft_prompt(
    const personalize::EncodedSoftPrompt& encoded) const {
  if (encoded.width != 2) {
    return Error{ErrorCode::kInvalidArgument, "kith.soft_prompt must be as wide as the model, 2"};
  }
  personalize::SoftPrompt rows;
  rows.width = 2;
  rows.values.resize(static_cast<std::size_t>(encoded.rows) * 2);
  return std::make_shared<const personalize::SoftPrompt>(std::move(rows));
}

Result<CompletionReply> FakeCompletions::complete(const CompletionJob& job, CompletionSink* sink,
                                                  const std::stop_token& cancel) {
  last_job = job;
  if (failure) return *failure;
  CompletionReply reply;
  const int num_texts = static_cast<int>(job.prompts.size()) * job.num_choices;
  for (int i = 0; i < num_texts; ++i) {
    api::CompletionChoice choice;
    std::vector<std::string> pieces{" one", " two"};
    const auto& prompt = job.prompts[static_cast<std::size_t>(i / job.num_choices)];
    if (job.echo) pieces.insert(pieces.begin(), prompt.text);
    for (const std::string& text : pieces) {
      if (before_piece) before_piece();
      if (cancel.stop_requested()) {
        ++num_cancelled;
        return Error{ErrorCode::kCancelled, "cancelled"};
      }
      api::CompletionChoice piece;
      piece.text = text;
      if (job.logprobs) piece.tokens = {{text, -0.5, {{text, -0.5}}, choice.text.size()}};
      if (sink != nullptr) sink->on_piece(i, piece);
      choice.text += text;
      if (!job.logprobs) continue;
      if (!choice.tokens) choice.tokens.emplace();
      choice.tokens->push_back(piece.tokens->front());
    }
    choice.finish_reason = "length";
    reply.choices.push_back(std::move(choice));
    reply.completion_tokens += 2;
  }
  reply.prompt_tokens = 5;
  return reply;
}

Result<std::string> FakeCompletions::forward(const std::string& body, const OnEvent& on_event,
                                             const std::stop_token&) {
  if (failure) return *failure;
  if (!on_event) return body;
  on_event(R"({"piece":
1})");
  on_event(body);
  return std::string();
}

TestServerOptions plain_options() {
  TestServerOptions options;
  options.server.port = 0;
  options.server.drain_timeout = std::chrono::milliseconds(300);
  options.pipeline.own_drafts = 1;
  options.pipeline.own_extractive = false;
  return options;
}

Result<EmbeddingReply> FakeEmbeddings::embed(const api::EmbeddingsRequest& request,
                                             const std::stop_token& cancel) {
  if (failure) return *failure;
  if (hangs) ++num_waiting;
  while (hangs && !cancel.stop_requested()) std::this_thread::yield();
  if (hangs) {
    ++num_cancelled;
    return Error{ErrorCode::kCancelled, "cancelled"};
  }
  if (passes_on) return EmbeddingReply{request.upstream_body, 0};
  api::EmbeddingsAnswer answer{model(), 3, {}, 0};
  for (const auto& input : request.inputs) {
    answer.vectors.insert(answer.vectors.end(), {1.0F / 3.0F, 2.0F / 3.0F, 2.0F / 3.0F});
    answer.prompt_tokens += static_cast<std::int64_t>(input.text.size() + input.tokens.size());
  }
  return EmbeddingReply{api::embeddings_body(answer, request.is_base64), answer.prompt_tokens};
}

TestServer::TestServer(TestServerOptions options) : options_(std::move(options)) {
  auto stores = storage::open_sqlite(directory_.path() / "kith.db");
  if (!stores) ADD_FAILURE() << stores.error().message;
  stores_ = *std::move(stores);
  faulty_ = storage::make_faulty(*stores_);
  assigner_ = make_assigner();
  auto pipeline = personalize::Pipeline::create({model(), *faulty_, metrics_, clock_}, assigner_,
                                                options_.pipeline);
  if (!pipeline) ADD_FAILURE() << pipeline.error().message;
  pipeline_ = *std::move(pipeline);
  learner_ = std::make_unique<personalize::PersonaLearner>(*faulty_, assigner_, clock_,
                                                           &pipeline_->recording_gate());
  feedback_ =
      std::make_unique<personalize::FeedbackRecorder>(*faulty_, clock_, nullptr, learner_.get());
  knowledge_ = std::make_unique<memory::Knowledge>(faulty_->knowledge(), clock_);
  auto server = Server::create(options_.server, services());
  if (!server) ADD_FAILURE() << server.error().message;
  server_ = *std::move(server);
  thread_ = std::thread([this] { server_->run(); });
}

TestServer::~TestServer() {
  server_->stop();
  thread_.join();
  server_.reset();
}

personalize::Generator& TestServer::model() {
  return options_.generator != nullptr ? *options_.generator : generator;
}

Services TestServer::services() {
  CompletionService* service =
      options_.completions != nullptr ? options_.completions : &completions;
  Services services{*pipeline_,
                    model(),
                    *feedback_,
                    *knowledge_,
                    *faulty_,
                    assigner_,
                    metrics_,
                    clock_,
                    options_.has_embeddings ? &embeddings : nullptr,
                    service,
                    options_.versions,
                    learner_.get()};
  services.user_embeddings = options_.user_embeddings;
  return services;
}

std::string TestServer::add_key(storage::KeyRole role, const std::string& user) {
  const auto key = storage::make_api_key(role, TenantId(storage::kDefaultTenant), UserId(user),
                                         "test", clock_.now());
  EXPECT_TRUE(key);
  EXPECT_TRUE(stores_->keys().add(key->row));
  return key->text;
}

TestClient::TestClient(std::uint16_t port, int patience_s)
    : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
  const timeval patience{patience_s, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const void* const untyped = &address;
  EXPECT_EQ(::connect(fd_, static_cast<const sockaddr*>(untyped), sizeof(address)), 0);
}

TestClient::~TestClient() { close(); }

void TestClient::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void TestClient::send(const std::string& bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto size = ::send(fd_, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (size <= 0) return;
    done += static_cast<std::size_t>(size);
  }
}

bool TestClient::fill() {
  char bytes[65'536];
  const auto size = ::recv(fd_, bytes, sizeof(bytes), 0);
  if (size <= 0) return false;
  buffer_.append(bytes, static_cast<std::size_t>(size));
  return true;
}

std::string TestClient::receive_until(const std::string& mark) {
  while (buffer_.find(mark) == std::string::npos && fill()) {
  }
  return buffer_;
}

bool TestClient::is_closed() {
  char byte = 0;
  return buffer_.empty() && ::recv(fd_, &byte, 1, 0) == 0;
}

std::string TestClient::receive_chunks() {
  std::string body;
  while (true) {
    receive_until("\r\n");
    const std::size_t line = buffer_.find("\r\n");
    if (line == std::string::npos) return body;
    const std::size_t size = std::stoul(buffer_.substr(0, line), nullptr, 16);
    while (buffer_.size() < line + 2 + size + 2 && fill()) {
    }
    body += buffer_.substr(line + 2, size);
    buffer_.erase(0, line + 2 + size + 2);
    if (size == 0) return body;
  }
}

TestResponse TestClient::receive(bool is_head) {
  TestResponse response;
  receive_until("\r\n\r\n");
  const std::size_t end = buffer_.find("\r\n\r\n");
  if (end == std::string::npos) return response;
  std::string head = buffer_.substr(0, end + 2);
  buffer_.erase(0, end + 4);
  response.status = std::stoi(head.substr(9, 3));
  for (std::size_t at = head.find("\r\n") + 2; at < head.size();) {
    const std::size_t stop = head.find("\r\n", at);
    const std::size_t colon = head.find(": ", at);
    std::string name = head.substr(at, colon - at);
    std::transform(name.begin(), name.end(), name.begin(), ::tolower);
    response.headers[name] = head.substr(colon + 2, stop - colon - 2);
    at = stop + 2;
  }
  if (is_head || response.status == 204 || response.status == 304) return response;
  if (response.headers.contains("content-length")) {
    const std::size_t size = std::stoul(response.headers["content-length"]);
    while (buffer_.size() < size && fill()) {
    }
    response.body = buffer_.substr(0, size);
    buffer_.erase(0, size);
  } else if (response.headers.contains("transfer-encoding")) {
    response.body = receive_chunks();
  } else {
    while (fill()) {
    }
    response.body = std::exchange(buffer_, {});
  }
  return response;
}

std::string request_text(const std::string& method, const std::string& target,
                         const TestHeaders& headers, const std::string& body) {
  std::string text = method + " " + target + " HTTP/1.1\r\n";
  bool has_host = false;
  for (const auto& [name, value] : headers) {
    text += name + ": " + value + "\r\n";
    has_host = has_host || name == "Host";
  }
  if (!has_host) text += "Host: localhost\r\n";
  if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return text + "\r\n" + body;
}

TestResponse call(std::uint16_t port, const std::string& method, const std::string& target,
                  const TestHeaders& headers, const std::string& body) {
  TestClient client(port);
  client.send(request_text(method, target, headers, body));
  return client.receive(method == "HEAD");
}

TestResponse post_json(std::uint16_t port, const std::string& target, const std::string& body,
                       const TestHeaders& headers) {
  TestHeaders all = headers;
  all.emplace_back("Content-Type", "application/json");
  return call(port, "POST", target, all, body);
}

std::vector<std::string> events_of(const std::string& body) {
  const std::string mark = "data: ";
  std::vector<std::string> events;
  for (std::size_t at = 0; (at = body.find(mark, at)) != std::string::npos;) {
    const std::size_t end = body.find("\n\n", at);
    events.push_back(body.substr(at + mark.size(), end - at - mark.size()));
    at = end;
  }
  return events;
}

bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 500; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace kith::server
