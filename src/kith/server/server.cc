#include "kith/server/server.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <set>
#include <utility>

#include "kith/base/log.h"
#include "kith/server/application.h"
#include "kith/server/connection.h"

namespace kith::server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// Connections beyond the limit that are being told so.
constexpr std::size_t kMaxRefusals = 64;

Error socket_error(const ServerOptions& options, const boost::system::error_code& error) {
  const std::string place = options.host + " port " + std::to_string(options.port);
  if (error == asio::error::address_in_use) {
    return Error{ErrorCode::kConflict, "another program listens on " + place};
  }
  return Error{ErrorCode::kUnavailable, "cannot listen on " + place + ": " + error.message()};
}

Status check_options(const ServerOptions& options) {
  const bool has_room = options.max_connections > 0 && options.max_header_bytes >= 1024 &&
                        options.max_body_bytes >= 1024 && options.max_stream_buffer_bytes >= 1024;
  const bool has_threads = options.generation_threads > 0 && options.generations_waiting > 0 &&
                           options.worker_threads > 0 && options.calls_waiting > 0;
  if (has_room && has_threads) return {};
  return Error{ErrorCode::kInvalidArgument,
               "server limits must be positive, those in bytes at least 1024"};
}

}  // namespace

class Server::Impl {
 public:
  Impl(ServerOptions options, const Services& services, asio::ip::address address)
      : options_(std::move(options)),
        services_(services),
        address_(std::move(address)),
        acceptor_(context_),
        drain_timer_(context_) {}

  ~Impl() {
    // The workers use the connections' executor, so they end first.
    application_.reset();
  }

  Status open() {
    Result<std::unique_ptr<Application>> application =
        Application::create(options_, address_.is_loopback(), services_);
    if (!application) return std::move(application).error();
    application_ = *std::move(application);
    const tcp::endpoint endpoint(address_, options_.port);
    boost::system::error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return socket_error(options_, error);
    port_ = acceptor_.local_endpoint().port();
    return {};
  }

  void run() {
    asio::co_spawn(context_, accept(), asio::detached);
    context_.run();
  }

  void stop() {
    asio::post(context_, [this] { drain(); });
  }

  std::uint16_t port() const { return port_; }
  const asio::ip::address& address() const { return address_; }

 private:
  asio::awaitable<void> accept() {
    while (!is_draining_) {
      auto [error, socket] = co_await acceptor_.async_accept(kAwait);
      if (is_draining_) break;
      if (error) {
        // Out of descriptors, most likely: some come back as connections end.
        asio::steady_timer pause(context_, std::chrono::milliseconds(50));
        co_await pause.async_wait(kAwait);
        continue;
      }
      start(std::move(socket));
    }
  }

  void start(tcp::socket socket) {
    auto connection =
        std::make_shared<Connection>(std::move(socket), *application_, options_, services_.clock);
    if (connections_.size() >= options_.max_connections) {
      application_->on_refused_connection();
      if (num_refusals_ >= kMaxRefusals) return;
      ++num_refusals_;
      asio::co_spawn(context_, connection->refuse(),
                     [this](std::exception_ptr) { --num_refusals_; });
      return;
    }
    connections_.insert(connection);
    application_->on_connections(static_cast<int>(connections_.size()));
    asio::co_spawn(context_, connection->run(), [this, connection](std::exception_ptr) {
      connections_.erase(connection);
      application_->on_connections(static_cast<int>(connections_.size()));
      if (is_draining_ && connections_.empty()) drain_timer_.cancel();
    });
  }

  void drain() {
    if (is_draining_) return;
    is_draining_ = true;
    application_->begin_drain();
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    for (const auto& connection : connections_) connection->close_when_idle();
    if (connections_.empty()) return;
    drain_timer_.expires_after(options_.drain_timeout);
    drain_timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      // A copy: ending connections leave the set.
      const auto left = connections_;
      for (const auto& connection : left) connection->abort();
    });
  }

  const ServerOptions options_;
  const Services services_;
  const asio::ip::address address_;
  std::uint16_t port_ = 0;
  bool is_draining_ = false;
  std::size_t num_refusals_ = 0;
  // One thread runs it, so connections need no locks.
  asio::io_context context_{1};
  tcp::acceptor acceptor_;
  asio::steady_timer drain_timer_;
  std::set<std::shared_ptr<Connection>> connections_;
  std::unique_ptr<Application> application_;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::create(const ServerOptions& options,
                                               const Services& services) {
  KITH_RETURN_IF_ERROR(check_options(options));
  boost::system::error_code error;
  const auto address = asio::ip::make_address(options.host, error);
  if (error) {
    return Error{ErrorCode::kInvalidArgument,
                 "host must be an IP address like 127.0.0.1 or 0.0.0.0: " + options.host};
  }
  auto impl = std::make_unique<Impl>(options, services, address);
  KITH_RETURN_IF_ERROR(impl->open());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

void Server::run() { impl_->run(); }
void Server::stop() { impl_->stop(); }
std::uint16_t Server::port() const { return impl_->port(); }

std::string Server::url() const {
  const auto& address = impl_->address();
  const std::string host = address.is_v6() ? "[" + address.to_string() + "]" : address.to_string();
  return "http://" + host + ":" + std::to_string(impl_->port());
}

}  // namespace kith::server
