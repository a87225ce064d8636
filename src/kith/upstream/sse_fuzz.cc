// Feeds any bytes to the parser of server-sent events: it must give out the events that the
// standard's algorithm finds, however the bytes are cut. The corpus is testdata/sse.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/check.h"
#include "kith/base/fuzz_input.h"
#include "kith/upstream/sse_parser.h"

namespace {

using kith::upstream::SseParser;

// Small, so that inputs reach it.
constexpr std::size_t kMaxEventBytes = 400;
constexpr std::string_view kLast = "[DONE]";

struct Events {
  std::vector<std::string> data;
  bool stopped = false;
  bool failed = false;

  friend bool operator==(const Events&, const Events&) = default;
};

Events parse(std::span<const std::string_view> pieces) {
  Events events;
  SseParser parser(
      [&events](std::string_view data) {
        events.data.emplace_back(data);
        return data != kLast;
      },
      kMaxEventBytes);
  for (const std::string_view piece : pieces) {
    const auto status = parser.append(piece);
    if (!status) {
      kith::base::check_refusal(status.error());
      events.failed = true;
      break;
    }
  }
  events.stopped = parser.stopped();
  return events;
}

// The standard's words, line by line, without names and ids, and without a limit.
Events expected(std::string_view bytes) {
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  Events events;
  std::string data;
  std::string line;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != '\r' && bytes[i] != '\n') {
      line += bytes[i];
      continue;
    }
    if (bytes[i] == '\r' && i + 1 < bytes.size() && bytes[i + 1] == '\n') ++i;
    const std::size_t colon = line.find(':');
    const std::string field = line.substr(0, colon);
    std::string value = colon == std::string::npos ? "" : line.substr(colon + 1);
    if (value.starts_with(' ')) value.erase(0, 1);
    if (field == "data") data += value + "\n";
    if (line.empty() && !data.empty()) {
      data.pop_back();
      events.data.push_back(data);
      data.clear();
      events.stopped = events.data.back() == kLast;
      if (events.stopped) return events;
    }
    line.clear();
  }
  return events;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Events whole = parse(std::span(&bytes, 1));
  for (const std::size_t longest : {1U, 7U, 64U}) {
    KITH_CHECK(parse(kith::base::cut_anywhere(bytes, longest)) == whole, "cuts change nothing");
  }
  for (const std::string& event : whole.data) {
    KITH_CHECK(event.size() <= kMaxEventBytes, "events keep their bound");
  }
  if (whole.failed) {
    KITH_CHECK(size > kMaxEventBytes, "only what is too large is refused");
  } else {
    KITH_CHECK(whole == expected(bytes), "the events are the standard's");
  }
  return 0;
}
