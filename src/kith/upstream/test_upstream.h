// An upstream for tests: answers with fixed bytes, on loopback.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

namespace kith::upstream {

// Answers one connection with fixed bytes, on loopback.
class OneAnswerServer {
 public:
  explicit OneAnswerServer(std::string answer, bool keep_open = false)
      : answer_(std::move(answer)), keep_open_(keep_open) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~OneAnswerServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  const std::string& request() const { return request_; }

 private:
  void serve() {
    const int peer = ::accept(listener_, nullptr, nullptr);
    if (peer < 0) return;
    char buffer[4096];
    // The body is the last thing in a request; "}" ends it in these tests.
    while (!request_.ends_with('}') && !request_.starts_with("GET")) {
      const ssize_t got = ::recv(peer, buffer, sizeof(buffer), 0);
      if (got <= 0) break;
      request_.append(buffer, static_cast<std::size_t>(got));
    }
    static_cast<void>(::send(peer, answer_.data(), answer_.size(), MSG_NOSIGNAL));
    // Wait until the client hangs up.
    while (keep_open_ && ::recv(peer, buffer, sizeof(buffer), 0) > 0) {
    }
    ::close(peer);
  }

  std::string answer_;
  bool keep_open_;
  int listener_ = -1;
  int port_ = 0;
  std::string request_;
  std::thread thread_;
};

inline std::string response(int status, const std::string& body, const std::string& type) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: " + type +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// A stream of these events and its end.
inline std::string event_stream(const std::vector<std::string>& events) {
  std::string body;
  for (const std::string& event : events) body += "data: " + event + "\n\n";
  return response(200, body + "data: [DONE]\n\n", "text/event-stream");
}

}  // namespace kith::upstream
