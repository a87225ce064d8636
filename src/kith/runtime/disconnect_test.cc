// A client that leaves, on real sockets and the own engine: its sequence, or its place in a queue,
// is free at once.
#include <gtest/gtest.h>

#include "kith/runtime/test_model.h"
#include "kith/server/test_server.h"

namespace kith::runtime {
namespace {

using server::TestClient;

struct Path {
  const char* target;
  std::string body;
};

// Answers of tens of thousands of tokens, which nothing ends but their length.
class DisconnectTest : public TinyEngineTest {
 protected:
  int context() const override { return 60'000; }
  int kv_tokens() const override { return 65'536; }

  std::unique_ptr<server::TestServer> serve() {
    server::TestServerOptions options = server::plain_options();
    options.generator = generator_.get();
    options.completions = completions_.get();
    return std::make_unique<server::TestServer>(options);
  }

  static std::vector<Path> paths(bool is_stream) {
    const std::string rest =
        R"("max_tokens":50000,"logit_bias":{"0":-100,"1":-100,"2":-100,"95":-100},"stream":)" +
        std::string(is_stream ? "true}" : "false}");
    return {{"/v1/chat/completions", R"({"messages":[{"role":"user","content":"hello"}],)" + rest},
            {"/v1/completions", R"({"prompt":"hello",)" + rest}};
  }
  static std::string request_for(const Path& path) {
    return server::request_text("POST", path.target, {{"Content-Type", "application/json"}},
                                path.body);
  }
  bool is_idle() {
    const auto stats = generator_->stats();
    return stats.running == 0 && stats.waiting == 0 && stats.kv_blocks_used == 0;
  }
};

TEST_F(DisconnectTest, ALeavingClientFreesItsSequence) {
  const auto running = serve();
  for (const bool is_stream : {true, false}) {
    for (const Path& path : paths(is_stream)) {
      TestClient client(running->port());
      client.send(request_for(path));
      if (is_stream) {
        client.receive_until("data: ");
      }
      ASSERT_TRUE(server::eventually([&] { return generator_->stats().running == 1; }));
      const auto before = generator_->stats().completion_tokens;
      client.close();
      ASSERT_TRUE(server::eventually([&] { return is_idle(); })) << path.target << is_stream;
      EXPECT_LT(generator_->stats().completion_tokens - before, 50'000U);
    }
  }
}

// The first request holds the whole cache, so the second waits in the engine's own queue.
TEST_F(DisconnectTest, ALeavingClientFreesItsPlaceInTheEnginesQueue) {
  const auto running = serve();
  for (const bool is_stream : {true, false}) {
    for (const Path& path : paths(is_stream)) {
      TestClient first(running->port());
      first.send(request_for(path));
      ASSERT_TRUE(server::eventually([&] { return generator_->stats().running == 1; }));
      TestClient second(running->port());
      second.send(request_for(path));
      ASSERT_TRUE(server::eventually([&] { return generator_->stats().waiting == 1; }));
      second.close();
      ASSERT_TRUE(server::eventually([&] { return generator_->stats().waiting == 0; }));
      EXPECT_EQ(generator_->stats().running, 1) << path.target << is_stream;
      first.close();
      ASSERT_TRUE(server::eventually([&] { return is_idle(); }));
    }
  }
}

}  // namespace
}  // namespace kith::runtime
