#include "kith/server/connection.h"

#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/chunk_encode.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/span_body.hpp>
#include <boost/beast/http/write.hpp>
#include <ctime>
#include <random>
#include <utility>

#include "kith/api/sse.h"
#include "kith/base/log.h"

namespace kith::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

// Failures come back as error codes: a client that goes is nothing exceptional.
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// Larger bodies are only read once the head has been looked at.
constexpr std::uint64_t kSmallBodyBytes = 64 << 10;
constexpr std::size_t kMaxRequestIdBytes = 128;

std::string http_date() {
  std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::string text(32, '\0');
  text.resize(std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts));
  return text;
}

bool is_decent_id(std::string_view id) {
  if (id.empty() || id.size() > kMaxRequestIdBytes) return false;
  return id.find_first_not_of(
             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") ==
         std::string_view::npos;
}

bool is_client_gone(beast::error_code error) {
  return error == http::error::end_of_stream || error == http::error::partial_message ||
         error == asio::error::connection_reset || error == asio::error::operation_aborted;
}

api::ApiError to_error(beast::error_code error, const ServerOptions& options) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return api::header_too_large("the header must be at most " +
                                 std::to_string(options.max_header_bytes) + " bytes long");
  }
  if (error == http::error::body_limit) {
    return api::too_large("the body must be at most " + std::to_string(options.max_body_bytes) +
                          " bytes long");
  }
  return api::bad_request("the request is not HTTP/1.1: " + error.message(), {}, "invalid_http");
}

template <typename Message>
void put_headers(Message& message, const HttpResponse& response, const std::string& request_id) {
  message.set(http::field::date, http_date());
  message.set(http::field::content_type, response.content_type);
  message.set("X-Content-Type-Options", "nosniff");
  message.set("X-Request-Id", request_id);
  for (const auto& [name, value] : response.headers) message.set(name, value);
}

}  // namespace

Connection::Connection(asio::ip::tcp::socket socket, Dispatcher& dispatcher,
                       const ServerOptions& options, const base::Clock& clock)
    : stream_(std::move(socket)),
      buffer_(options.max_header_bytes + kSmallBodyBytes),
      dispatcher_(dispatcher),
      options_(options),
      clock_(clock),
      deadline_(stream_.get_executor()) {
  beast::error_code ignored;
  const auto endpoint = stream_.socket().remote_endpoint(ignored);
  stream_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
  asio::ip::address address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  peer_ = address.to_string();
  is_peer_loopback_ = address.is_loopback();
}

asio::awaitable<void> Connection::run() {
  const auto self = shared_from_this();
  try {
    co_await serve();
    if (has_unread_input_) co_await linger();
  } catch (const std::exception& error) {
    base::log_error(std::string("connection: ") + error.what());
  }
  beast::error_code ignored;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  stream_.close();
}

asio::awaitable<void> Connection::serve() {
  while (!closes_) {
    std::optional<HttpRequest> request = co_await read_request();
    if (!request) co_return;
    co_await answer(*std::move(request));
  }
}

asio::awaitable<void> Connection::refuse() {
  const auto self = shared_from_this();
  try {
    request_id_ = make_request_id();
    closes_ = true;
    co_await write_response(error_response(api::overloaded("too many connections are open")));
    co_await linger();
  } catch (const std::exception& error) {
    base::log_error(std::string("connection: ") + error.what());
  }
  stream_.close();
}

void Connection::close_when_idle() {
  closes_ = true;
  if (is_reading_first_byte_) stream_.cancel();
}

void Connection::abort() {
  closes_ = true;
  if (exchange_) exchange_->abandon();
  stream_.close();
}

// Waits as long as a connection may be quiet; the clock of the header starts with its first byte.
asio::awaitable<bool> Connection::wait_for_first_byte() {
  if (buffer_.size() > 0) co_return true;
  stream_.expires_after(options_.idle_timeout);
  is_reading_first_byte_ = true;
  const auto [error, size] = co_await stream_.async_read_some(buffer_.prepare(4096), kAwait);
  is_reading_first_byte_ = false;
  stream_.expires_never();
  buffer_.commit(size);
  co_return !error && size > 0;
}

void Connection::start_deadline(std::chrono::milliseconds time) {
  is_late_ = false;
  deadline_.expires_after(time);
  deadline_.async_wait(
      [self = shared_from_this(), number = ++num_deadlines_](beast::error_code error) {
        if (error || number != self->num_deadlines_) return;
        self->is_late_ = true;
        self->stream_.cancel();
      });
}

bool Connection::end_deadline() {
  ++num_deadlines_;
  deadline_.cancel();
  return std::exchange(is_late_, false);
}

asio::awaitable<std::optional<HttpRequest>> Connection::read_request() {
  if (!co_await wait_for_first_byte()) co_return std::nullopt;
  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(options_.max_header_bytes));
  parser.body_limit(options_.max_body_bytes);
  request_id_ = make_request_id();
  HttpRequest request;
  request.id = request_id_;
  start_deadline(options_.header_timeout);
  const auto [error, size] = co_await http::async_read_header(stream_, buffer_, parser, kAwait);
  if (end_deadline()) {
    co_await refuse_request(request, api::request_timeout());
    co_return std::nullopt;
  }
  if (error) {
    if (!is_client_gone(error)) co_await refuse_request(request, to_error(error, options_));
    co_return std::nullopt;
  }
  version_ = parser.get().version();
  is_head_ = parser.get().method() == http::verb::head;
  if (!fill_request(parser.get(), request)) {
    co_await refuse_request(request, api::bad_request("the request line or the Host header is bad",
                                                      {}, "invalid_http"));
    co_return std::nullopt;
  }
  if (!co_await read_body(parser, request)) co_return std::nullopt;
  closes_ = closes_ || !parser.get().keep_alive();
  co_return request;
}

asio::awaitable<bool> Connection::read_body(Parser& parser, HttpRequest& request) {
  if (parser.is_done()) co_return true;
  if (parser.chunked() || parser.content_length().value_or(0) > kSmallBodyBytes) {
    if (const auto refusal = dispatcher_.check_head(request)) {
      co_await refuse_request(request, *refusal);
      co_return false;
    }
  }
  start_deadline(options_.body_timeout);
  if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    co_await asio::async_write(stream_, asio::buffer(kContinue), kAwait);
  }
  const auto [error, size] = co_await http::async_read(stream_, buffer_, parser, kAwait);
  if (end_deadline()) {
    co_await refuse_request(request, api::request_timeout());
    co_return false;
  }
  if (!error) {
    request.body = std::move(parser.get().body());
    co_return true;
  }
  if (!is_client_gone(error)) co_await refuse_request(request, to_error(error, options_));
  co_return false;
}

bool Connection::fill_request(const Parser::value_type& message, HttpRequest& request) {
  request.method = std::string(message.method_string());
  request.peer = peer_;
  request.is_peer_loopback = is_peer_loopback_;
  for (const auto& field : message) {
    std::string name(field.name_string());
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    request.headers.emplace(std::move(name), std::string(field.value()));
  }
  const std::string_view id = request.header("x-request-id");
  if (is_decent_id(id)) request_id_ = std::string(id);
  request.id = request_id_;
  // Two hosts, or none, are how requests are smuggled past a proxy.
  const auto num_hosts = message.count(http::field::host);
  if (num_hosts > 1 || (num_hosts == 0 && version_ >= 11)) return false;
  const auto target = message.target();
  return parse_target(std::string_view(target.data(), target.size()), request);
}

asio::awaitable<void> Connection::refuse_request(const HttpRequest& request,
                                                 const api::ApiError& error) {
  closes_ = true;
  has_unread_input_ = true;
  dispatcher_.on_done(request, error.status, 0.0);
  co_await write_response(error_response(error));
}

asio::awaitable<void> Connection::answer(HttpRequest request) {
  const HttpRequest head{
      request.method,           request.path, request.segments, {}, {}, {}, request.peer,
      request.is_peer_loopback, request.id};
  const auto started = clock_.monotonic();
  exchange_ = std::make_shared<Exchange>(stream_.get_executor(), options_.max_stream_buffer_bytes);
  stream_.expires_never();
  watch_for_end(exchange_);
  dispatcher_.dispatch(std::move(request), exchange_);
  int status = 499;
  const bool is_sent = co_await send_output(*exchange_, status);
  watch_signal_->emit(asio::cancellation_type::terminal);
  if (!is_sent) {
    exchange_->abandon();
    closes_ = true;
  }
  exchange_.reset();
  const std::chrono::duration<double> seconds = clock_.monotonic() - started;
  dispatcher_.on_done(head, is_sent ? status : 499, seconds.count());
}

// Sends what the handler says until it has finished. False if the client cannot be reached.
asio::awaitable<bool> Connection::send_output(Exchange& exchange, int& status) {
  bool is_streaming = false;
  while (true) {
    if (!exchange.has_output()) {
      exchange.wake_timer().expires_after(options_.ping_interval);
      const auto [error] = co_await exchange.wake_timer().async_wait(kAwait);
      if (error || exchange.has_output()) continue;
      if (!is_streaming) {
        exchange.start_offered();
      } else if (!co_await write_piece(api::kSsePing)) {
        co_return false;
      }
      continue;
    }
    if (exchange.is_abandoned()) co_return false;
    const Exchange::Output output = exchange.take();
    if (output.head) {
      status = output.head->status;
      if (!output.is_stream) co_return co_await write_response(*output.head);
      is_streaming = true;
      if (!co_await write_stream_head(*output.head)) co_return false;
    }
    if (!output.bytes.empty() && !co_await write_piece(output.bytes)) co_return false;
    if (output.is_finished) co_return co_await write_end();
  }
}

asio::awaitable<bool> Connection::write_response(const HttpResponse& response) {
  const std::string& body = response.shared_body ? *response.shared_body : response.body;
  const bool has_no_body = is_head_ || response.status == 204 || response.status == 304;
  http::response<http::span_body<const char>> message;
  message.version(version_);
  message.result(static_cast<unsigned>(response.status));
  put_headers(message, response, request_id_);
  message.keep_alive(!closes_);
  if (response.status != 204 && response.status != 304) message.content_length(body.size());
  if (!has_no_body) {
    message.body() = boost::beast::span<const char>(body.data(), body.size());
  }
  stream_.expires_after(options_.write_timeout);
  http::response_serializer<http::span_body<const char>> serializer(message);
  serializer.split(has_no_body);
  const auto [error, size] = has_no_body
                                 ? co_await http::async_write_header(stream_, serializer, kAwait)
                                 : co_await http::async_write(stream_, serializer, kAwait);
  co_return !error;
}

asio::awaitable<bool> Connection::write_stream_head(const HttpResponse& response) {
  http::response<http::empty_body> message;
  message.version(version_);
  message.result(static_cast<unsigned>(response.status));
  put_headers(message, response, request_id_);
  is_chunked_ = version_ >= 11;
  // HTTP/1.0 has no chunks: the end of the connection is the end of the stream.
  closes_ = closes_ || !is_chunked_;
  message.keep_alive(!closes_);
  message.chunked(is_chunked_);
  stream_.expires_after(options_.write_timeout);
  http::response_serializer<http::empty_body> serializer(message);
  const auto [error, size] = co_await http::async_write_header(stream_, serializer, kAwait);
  co_return !error;
}

asio::awaitable<bool> Connection::write_piece(std::string_view bytes) {
  stream_.expires_after(options_.write_timeout);
  const asio::const_buffer buffer(bytes.data(), bytes.size());
  const auto [error, size] =
      is_chunked_ ? co_await asio::async_write(stream_, http::make_chunk(buffer), kAwait)
                  : co_await asio::async_write(stream_, buffer, kAwait);
  stream_.expires_never();
  co_return !error;
}

asio::awaitable<bool> Connection::write_end() {
  if (!is_chunked_) co_return true;
  stream_.expires_after(options_.write_timeout);
  const auto [error, size] = co_await asio::async_write(stream_, http::make_chunk_last(), kAwait);
  co_return !error;
}

// A socket closed with unread input sends a reset, which can overtake the answer. So the client is
// told that nothing more comes and gets a moment to take the answer in.
asio::awaitable<void> Connection::linger() {
  constexpr std::chrono::seconds kPatience{2};
  beast::error_code ignored;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  stream_.expires_after(kPatience);
  std::array<char, 16'384> sink{};
  while (true) {
    const auto [error, size] = co_await stream_.async_read_some(asio::buffer(sink), kAwait);
    if (error) co_return;
  }
}

// Notices that the client has gone while its request is being worked on. Input may also be the next
// request; then the end shows only when the answer cannot be sent.
void Connection::watch_for_end(const std::shared_ptr<Exchange>& exchange) {
  watch_signal_ = std::make_unique<asio::cancellation_signal>();
  stream_.socket().async_wait(
      asio::ip::tcp::socket::wait_read,
      asio::bind_cancellation_slot(
          watch_signal_->slot(), [self = shared_from_this(), exchange](beast::error_code error) {
            if (error || self->exchange_ != exchange) return;
            char byte = 0;
            const auto handle = self->stream_.socket().native_handle();
            const auto size = ::recv(handle, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
            const bool is_gone = size == 0 || (size < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
            if (is_gone) exchange->abandon();
          }));
}

std::string Connection::make_request_id() {
  thread_local std::random_device random;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string id = "req-";
  for (int i = 0; i < 4; ++i) {
    const std::uint32_t word = random();
    for (int shift = 28; shift >= 0; shift -= 4) id += kDigits[(word >> shift) & 0xFU];
  }
  return id;
}

}  // namespace kith::server
