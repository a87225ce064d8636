#include "kith/personalize/logprob_pieces.h"

#include <algorithm>

#include "kith/base/check.h"
#include "kith/base/json.h"

namespace kith::personalize {
namespace {

using base::OrderedJson;

// Moves the first `count` tokens of `content` out of it.
OrderedJson take_front(OrderedJson& content, std::size_t count) {
  OrderedJson taken = OrderedJson::array();
  const auto end = content.begin() + static_cast<std::ptrdiff_t>(count);
  for (auto token = content.begin(); token != end; ++token) taken.push_back(std::move(*token));
  content.erase(content.begin(), end);
  return taken;
}

bool says_something(const OrderedJson& logprobs) {
  return std::any_of(logprobs.begin(), logprobs.end(),
                     [](const OrderedJson& member) { return !member.empty(); });
}

}  // namespace

std::vector<std::string> split_logprobs(std::string_view logprobs,
                                        std::span<const std::size_t> token_begins,
                                        std::span<const std::size_t> piece_ends) {
  KITH_CHECK(!piece_ends.empty(), "a text has at least one piece");
  std::vector<std::string> pieces(piece_ends.size());
  if (logprobs.empty()) return pieces;
  auto parsed = base::parse_ordered_json(logprobs);
  if (!parsed || !parsed->is_object()) return pieces;
  OrderedJson& whole = *parsed;
  const auto content = whole.find("content");
  if (content != whole.end() && content->is_array()) {
    std::size_t taken = 0;
    for (std::size_t i = 0; i + 1 < pieces.size(); ++i) {
      const auto reached =
          std::lower_bound(token_begins.begin(), token_begins.end(), piece_ends[i]);
      const std::size_t end = std::min(static_cast<std::size_t>(reached - token_begins.begin()),
                                       taken + content->size());
      if (end <= taken) continue;
      pieces[i] = base::dump_json(
          OrderedJson{{"content", take_front(*content, end - taken)}, {"refusal", nullptr}});
      taken = end;
    }
  }
  if (says_something(whole)) pieces.back() = base::dump_json(whole);
  return pieces;
}

}  // namespace kith::personalize
