// Feeds any text under any stop strings to the filter that cuts answers: however the text comes in
// pieces, what is shown is what stands before the stop string that is complete first. The first
// line holds the stop strings, with "|" between them. The corpus is testdata/stop_filter.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/check.h"
#include "kith/base/fuzz_input.h"
#include "kith/engine/stop_filter.h"

namespace {

struct Shown {
  std::string text;
  bool stopped = false;

  friend bool operator==(const Shown&, const Shown&) = default;
};

Shown filter(const std::vector<std::string>& stops, const std::vector<std::string_view>& pieces) {
  kith::engine::StopFilter filter(stops);
  Shown shown;
  for (const std::string_view piece : pieces) {
    const bool was_stopped = filter.stopped();
    const std::string more = filter.append(piece);
    KITH_CHECK(!was_stopped || more.empty(), "nothing is shown after the end");
    shown.text += more;
  }
  if (!filter.stopped()) shown.text += filter.finish();
  shown.stopped = filter.stopped();
  return shown;
}

// By trying every end in turn.
Shown expected(const std::vector<std::string>& stops, std::string_view text) {
  for (std::size_t end = 0; end <= text.size(); ++end) {
    const std::string_view read = text.substr(0, end);
    std::size_t longest = 0;
    for (const std::string& stop : stops) {
      if (read.ends_with(stop)) longest = std::max(longest, stop.size());
    }
    if (longest > 0) return {std::string(read.substr(0, end - longest)), true};
  }
  return {std::string(text), false};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  kith::base::FuzzInput input(data, size);
  kith::base::FuzzInput line = [&input] {
    const std::string_view first = input.take_line().substr(0, 100);
    return kith::base::FuzzInput(reinterpret_cast<const std::uint8_t*>(first.data()), first.size());
  }();
  std::vector<std::string> stops;
  while (!line.rest().empty() && stops.size() < 8) stops.emplace_back(line.take_until('|'));
  const std::string_view text = input.rest().substr(0, 4000);
  const Shown whole = expected(stops, text);
  for (const std::size_t longest : {1U, 3U, 17U, 5000U}) {
    KITH_CHECK(filter(stops, kith::base::cut_anywhere(text, longest)) == whole,
               "pieces change nothing");
  }
  return 0;
}
