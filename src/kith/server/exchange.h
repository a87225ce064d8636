// The meeting point of a handler's thread and a connection's coroutine: the handler puts an answer
// in, the coroutine takes it out and sends it. Internal to server.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "kith/server/http.h"

namespace kith::server {

// Thread-safe but for wake_timer(), which belongs to the executor's thread.
class Exchange final : public ResponseWriter, public std::enable_shared_from_this<Exchange> {
 public:
  // What there is to send now.
  struct Output {
    std::optional<HttpResponse> head;  // once
    bool is_stream = false;
    std::string bytes;  // of a stream
    bool is_finished = false;
  };

  // A stream of which more than `max_buffer_bytes` wait to be sent is given up.
  Exchange(boost::asio::any_io_executor executor, std::size_t max_buffer_bytes);

  void send(HttpResponse response) override;
  void start_stream(HttpResponse head) override;
  void offer_stream(HttpResponse head) override;
  bool write(std::string_view bytes) override;
  void finish() override;
  std::stop_token cancel_token() const override { return stop_.get_token(); }

  // Starts the stream with the head that was offered, if there is one and nothing has been said.
  void start_offered();
  // Takes what there is.
  Output take();
  bool has_output() const;
  // Nobody reads any more: stops the handler and drops what it still says.
  void abandon();
  bool is_abandoned() const;

  // Its expiry is cancelled whenever there is something to take.
  boost::asio::steady_timer& wake_timer() { return wake_timer_; }

 private:
  void wake();

  const std::size_t max_buffer_bytes_;
  const boost::asio::any_io_executor executor_;
  std::stop_source stop_;
  mutable std::mutex mutex_;
  Output output_;                        // guarded by mutex_
  std::optional<HttpResponse> offered_;  // guarded by mutex_
  bool has_started_ = false;             // guarded by mutex_
  bool is_abandoned_ = false;            // guarded by mutex_
  boost::asio::steady_timer wake_timer_;
};

}  // namespace kith::server
