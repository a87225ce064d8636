// A server on a port of its own with a made-up generator, and a client on plain sockets. For tests.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "kith/base/test_directory.h"
#include "kith/server/embedding_service.h"
#include "kith/server/server.h"
#include "kith/storage/api_key.h"
#include "kith/storage/faulty/faulty_store_set.h"
#include "kith/storage/sqlite/sqlite_store_set.h"

namespace kith::server {

// Answers "alpha beta gamma ..." a word at a time; tests set what else it does.
class FakeGenerator final : public personalize::Generator {
 public:
  personalize::GeneratorCapabilities capabilities() const override { return abilities; }
  bool ready() const override { return is_ready; }
  std::vector<AdapterId> adapter_names() const override { return adapters; }
  Result<std::shared_ptr<const personalize::SoftPrompt>> read_soft_prompt(
      const personalize::EncodedSoftPrompt& encoded) const override;
  Result<std::vector<personalize::GeneratedText>> generate(
      const personalize::GenerationRequest& request, personalize::DeltaSink* sink,
      const personalize::CancelToken& cancel) override;
  Result<std::vector<double>> score(const personalize::ScoreRequest& request) override {
    return std::vector<double>(request.continuations.size(), -1.0);
  }

  Status load_adapter(const AdapterId& id, const std::string& path, bool replaces) override {
    if (load_failure) return *load_failure;
    last_order = "load " + id.str() + " " + path + (replaces ? " in place" : "");
    return {};
  }
  Status unload_adapter(const AdapterId& id) override {
    if (id == AdapterId("nobody")) return Error{ErrorCode::kNotFound, "no adapter named nobody"};
    last_order = "unload " + id.str();
    return {};
  }

  std::vector<AdapterId> adapters{AdapterId("leadership")};
  std::optional<Error> load_failure;
  // What was last asked for.
  personalize::GenerationRequest last_request;
  // The last load or unload.
  std::string last_order;
  personalize::GeneratorCapabilities abilities{
      .is_own_engine = true, .has_adapters = true, .has_scores = true, .model = "kith-test"};
  std::atomic<bool> is_ready{true};
  std::vector<std::string> words{"alpha", " beta", " gamma"};
  // Called before each word; an error ends the answer.
  std::function<Status(int word)> before_word;
  std::atomic<int> num_running{0};
  std::atomic<int> num_cancelled{0};
  std::atomic<int> num_words{0};

 private:
  std::mutex mutex_;
};

// Goes on with " one two", or passes on to an upstream that answers what it was sent.
class FakeCompletions final : public CompletionService {
 public:
  bool is_upstream() const override { return passes_on; }
  Result<CompletionReply> complete(const CompletionJob& job, CompletionSink* sink,
                                   const std::stop_token& cancel) override;
  Result<std::string> forward(const std::string& body, const OnEvent& on_event,
                              const std::stop_token& cancel) override;

  // Set before the server gets requests.
  bool passes_on = false;
  std::optional<Error> failure;
  // Called before each piece.
  std::function<void()> before_piece;
  std::atomic<int> num_cancelled{0};
  // What was last asked for.
  CompletionJob last_job;
};

// Gives every text the vector (1, 2, 2) / 3.
class FakeEmbeddings final : public EmbeddingService {
 public:
  std::string model() const override { return passes_on ? "" : "embed-test"; }
  bool is_upstream() const override { return passes_on; }
  int dimensions() const override { return passes_on ? 0 : 3; }
  Result<EmbeddingReply> embed(const api::EmbeddingsRequest& request,
                               const std::stop_token& cancel) override;

  // Set before the server gets requests.
  bool passes_on = false;
  // Waits until nobody waits for the answer any more.
  bool hangs = false;
  std::optional<Error> failure;
  std::atomic<int> num_waiting{0};
  std::atomic<int> num_cancelled{0};
};

struct TestServerOptions {
  ServerOptions server;
  personalize::PipelineOptions pipeline;
  bool has_embeddings = true;
  // Stand instead of the made-up ones if not null; borrowed.
  personalize::Generator* generator = nullptr;
  CompletionService* completions = nullptr;
  VersionService* versions = nullptr;
  UserEmbeddingService* user_embeddings = nullptr;
};

// Options whose drafts go straight to the client.
TestServerOptions plain_options();

// Runs from construction to destruction.
class TestServer {
 public:
  explicit TestServer(TestServerOptions options = plain_options());
  ~TestServer();

  std::uint16_t port() const { return server_->port(); }
  storage::StoreSet& stores() { return *stores_; }
  storage::FaultyStoreSet& faults() { return *faulty_; }
  Server& server() { return *server_; }
  Services services();
  personalize::Generator& model();
  // Adds a key and returns its text.
  std::string add_key(storage::KeyRole role, const std::string& user = {});

  FakeGenerator generator;
  FakeEmbeddings embeddings;
  FakeCompletions completions;

 private:
  const TestServerOptions options_;
  base::TestDirectory directory_;
  base::SystemClock clock_;
  Metrics metrics_;
  std::unique_ptr<storage::StoreSet> stores_;
  std::unique_ptr<storage::FaultyStoreSet> faulty_;
  std::shared_ptr<const persona::Assigner> assigner_;
  std::unique_ptr<personalize::Pipeline> pipeline_;
  std::unique_ptr<personalize::PersonaLearner> learner_;
  std::unique_ptr<personalize::FeedbackRecorder> feedback_;
  std::unique_ptr<memory::Knowledge> knowledge_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

struct TestResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;                            // chunks joined
};

using TestHeaders = std::vector<std::pair<std::string, std::string>>;

// One connection. Every call gives up after `patience_s` seconds without a byte.
class TestClient {
 public:
  explicit TestClient(std::uint16_t port, int patience_s = 10);
  ~TestClient();
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  void send(const std::string& bytes);
  // The next response on the connection; status 0 if it ended first. Without a body for HEAD.
  TestResponse receive(bool is_head = false);
  // Waits until these bytes have arrived; returns all that has.
  std::string receive_until(const std::string& mark);
  // True if the server ends the connection.
  bool is_closed();
  void close();

 private:
  bool fill();
  std::string receive_chunks();

  int fd_ = -1;
  std::string buffer_;
};

std::string request_text(const std::string& method, const std::string& target,
                         const TestHeaders& headers = {}, const std::string& body = {});
// On a connection of its own.
TestResponse call(std::uint16_t port, const std::string& method, const std::string& target,
                  const TestHeaders& headers = {}, const std::string& body = {});
TestResponse post_json(std::uint16_t port, const std::string& target, const std::string& body,
                       const TestHeaders& headers = {});
// The data of each event of a stream.
std::vector<std::string> events_of(const std::string& body);
// Polls until it holds, at most five seconds.
bool eventually(const std::function<bool()>& condition);

inline const std::string kChat = R"({"messages":[{"role":"user","content":"hello there"}]})";

}  // namespace kith::server
