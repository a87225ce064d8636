#include "kith/server/exchange.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "kith/api/sse.h"

namespace kith::server {

Exchange::Exchange(boost::asio::any_io_executor executor, std::size_t max_buffer_bytes)
    : max_buffer_bytes_(max_buffer_bytes), executor_(std::move(executor)), wake_timer_(executor_) {}

void Exchange::send(HttpResponse response) {
  {
    const std::lock_guard lock(mutex_);
    if (!has_started_) {
      output_.head = std::move(response);
    } else if (output_.is_stream && !output_.is_finished) {
      output_.bytes += api::sse_event(response.body);
    }
    has_started_ = true;
    output_.is_finished = true;
  }
  wake();
}

void Exchange::start_stream(HttpResponse head) {
  {
    const std::lock_guard lock(mutex_);
    if (has_started_) return;
    has_started_ = true;
    output_.head = std::move(head);
    output_.is_stream = true;
  }
  wake();
}

void Exchange::offer_stream(HttpResponse head) {
  const std::lock_guard lock(mutex_);
  offered_ = std::move(head);
}

void Exchange::start_offered() {
  const std::lock_guard lock(mutex_);
  if (has_started_ || !offered_) return;
  has_started_ = true;
  output_.head = std::move(offered_);
  output_.is_stream = true;
}

bool Exchange::write(std::string_view bytes) {
  bool is_full = false;
  {
    const std::lock_guard lock(mutex_);
    if (is_abandoned_) return false;
    // Waiting for a slow reader here would hold up the batch that writes the answers of others.
    is_full = output_.bytes.size() + bytes.size() > max_buffer_bytes_;
    if (!is_full) output_.bytes += bytes;
  }
  if (is_full) abandon();
  wake();
  return !is_full;
}

void Exchange::finish() {
  {
    const std::lock_guard lock(mutex_);
    output_.is_finished = true;
  }
  wake();
}

Exchange::Output Exchange::take() {
  const std::lock_guard lock(mutex_);
  Output taken = std::move(output_);
  output_ = Output{};
  output_.is_stream = taken.is_stream;
  output_.is_finished = taken.is_finished;
  return taken;
}

bool Exchange::has_output() const {
  const std::lock_guard lock(mutex_);
  return output_.head || !output_.bytes.empty() || output_.is_finished || is_abandoned_;
}

void Exchange::abandon() {
  {
    const std::lock_guard lock(mutex_);
    if (is_abandoned_) return;
    is_abandoned_ = true;
    output_.bytes.clear();
  }
  stop_.request_stop();
  wake();
}

bool Exchange::is_abandoned() const {
  const std::lock_guard lock(mutex_);
  return is_abandoned_;
}

void Exchange::wake() {
  boost::asio::post(executor_, [self = shared_from_this()] { self->wake_timer_.cancel(); });
}

}  // namespace kith::server
