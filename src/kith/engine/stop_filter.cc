#include "kith/engine/stop_filter.h"

#include <algorithm>
#include <utility>

namespace kith::engine {
namespace {

// Length of the longest end of `text` that is a proper beginning of `stop`.
std::size_t overlap(std::string_view text, std::string_view stop) {
  std::size_t length = std::min(text.size(), stop.size() - 1);
  while (length > 0 && text.substr(text.size() - length) != stop.substr(0, length)) --length;
  return length;
}

}  // namespace

StopFilter::StopFilter(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const std::string& stop) { return stop.empty(); });
}

std::string StopFilter::append(std::string_view text) {
  if (stopped_) return {};
  held_ += text;
  // Of the stop string that is complete first, or else the longest of those: what is shown must not
  // depend on where the text was cut into pieces.
  std::pair first(std::string::npos, std::string::npos);
  std::size_t keep = 0;
  for (const std::string& stop : stops_) {
    const std::size_t begin = held_.find(stop);
    if (begin != std::string::npos) first = std::min(first, std::pair(begin + stop.size(), begin));
    keep = std::max(keep, overlap(held_, stop));
  }
  if (first.first != std::string::npos) {
    stopped_ = true;
    std::string shown = held_.substr(0, first.second);
    held_.clear();
    return shown;
  }
  std::string shown = held_.substr(0, held_.size() - keep);
  held_.erase(0, shown.size());
  return shown;
}

std::string StopFilter::finish() { return std::exchange(held_, {}); }

}  // namespace kith::engine
