// Cuts an answer at the first of several stop strings while it is being written.
//
// Of several stop strings the one that is complete first ends the answer, the longest of those that
// are complete at once; so the result depends on the text alone and not on its pieces.
//
// Text that could be the beginning of a stop string is held back until it is clear that it is none,
// so that no part of a stop string is ever shown, also when it spans several tokens.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kith::engine {

// Not thread-safe.
class StopFilter {
 public:
  // Empty strings among `stops` are ignored.
  explicit StopFilter(std::vector<std::string> stops);

  // Takes more text and returns what may be shown now. Nothing after stopped().
  std::string append(std::string_view text);
  // The held-back rest, when the answer ends without a stop string.
  std::string finish();
  // Whether a stop string was met.
  bool stopped() const { return stopped_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace kith::engine
