// One client's connection: reads requests one after the other, has each answered, sends the
// answer. HTTP/1.1 with keep-alive and pipelining, HTTP/1.0. Internal to server.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "kith/base/clock.h"
#include "kith/server/exchange.h"
#include "kith/server/http.h"
#include "kith/server/options.h"

namespace kith::server {

// Used on the thread of its executor only.
class Connection final : public std::enable_shared_from_this<Connection> {
 public:
  // Borrows dispatcher, options and clock.
  Connection(boost::asio::ip::tcp::socket socket, Dispatcher& dispatcher,
             const ServerOptions& options, const base::Clock& clock);

  // Serves until the client goes, a limit is broken or close_when_idle() is called. Does not throw.
  boost::asio::awaitable<void> run();
  // Says 429 and closes.
  boost::asio::awaitable<void> refuse();

  // Ends after the request that is being answered, at once if there is none.
  void close_when_idle();
  // Ends now; a running request is cancelled.
  void abort();

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  boost::asio::awaitable<void> serve();
  boost::asio::awaitable<std::optional<HttpRequest>> read_request();
  boost::asio::awaitable<bool> wait_for_first_byte();
  boost::asio::awaitable<bool> read_body(Parser& parser, HttpRequest& request);
  boost::asio::awaitable<void> refuse_request(const HttpRequest& request,
                                              const api::ApiError& error);
  boost::asio::awaitable<void> answer(HttpRequest request);
  boost::asio::awaitable<bool> send_output(Exchange& exchange, int& status);
  boost::asio::awaitable<bool> write_response(const HttpResponse& response);
  boost::asio::awaitable<bool> write_stream_head(const HttpResponse& response);
  boost::asio::awaitable<bool> write_piece(std::string_view bytes);
  boost::asio::awaitable<bool> write_end();
  boost::asio::awaitable<void> linger();
  void start_deadline(std::chrono::milliseconds time);
  // Returns whether it had passed.
  bool end_deadline();
  void watch_for_end(const std::shared_ptr<Exchange>& exchange);
  bool fill_request(const Parser::value_type& message, HttpRequest& request);
  std::string make_request_id();

  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer buffer_;
  Dispatcher& dispatcher_;
  const ServerOptions& options_;
  const base::Clock& clock_;
  std::string peer_;
  bool is_peer_loopback_ = false;

  // Of the request being answered.
  std::shared_ptr<Exchange> exchange_;
  std::string request_id_;
  unsigned version_ = 11;
  bool is_head_ = false;
  bool is_chunked_ = false;
  std::unique_ptr<boost::asio::cancellation_signal> watch_signal_;

  // Of what is being read. The stream's own timer would close the socket, and with it the way to
  // say 408.
  boost::asio::steady_timer deadline_;
  unsigned num_deadlines_ = 0;
  bool is_late_ = false;

  bool is_reading_first_byte_ = false;
  bool closes_ = false;
  bool has_unread_input_ = false;
};

}  // namespace kith::server
