// Reads a stream of server-sent events (WHATWG HTML, section 9.2) and gives out their data.
//
// Of an event only the data matters here: names, ids and comments are skipped, as OpenAI's clients
// do.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "kith/base/result.h"

namespace kith::upstream {

// Not thread-safe.
class SseParser {
 public:
  // Called with the data of each event, lines joined by "\n"; the view lives for the call.
  // Returning false ends the parsing: what follows is ignored.
  using OnData = std::function<bool(std::string_view data)>;

  explicit SseParser(OnData on_data, std::size_t max_event_bytes = std::size_t{8} << 20)
      : on_data_(std::move(on_data)), max_event_bytes_(max_event_bytes) {}

  // Takes the next bytes, cut anywhere.
  // Errors: kUnavailable if an event is larger than `max_event_bytes`.
  Status append(std::string_view bytes);

  // Whether the callback asked to stop.
  bool stopped() const { return stopped_; }

 private:
  void take_line(std::string_view line);

  OnData on_data_;
  std::size_t max_event_bytes_;
  std::string line_;
  std::string data_;
  bool has_data_ = false;
  bool stopped_ = false;
  bool last_was_cr_ = false;
  bool is_first_line_ = true;
};

}  // namespace kith::upstream
