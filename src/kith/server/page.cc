#include "kith/server/page.h"

#include <charconv>
#include <string>

namespace kith::server {
namespace {

constexpr std::size_t kDefaultPage = 100;
constexpr std::size_t kMaxPage = 1000;

}  // namespace

api::Outcome<std::size_t> page_size(const HttpRequest& request) {
  const auto found = request.query.find("limit");
  if (found == request.query.end()) return kDefaultPage;
  const std::string& text = found->second;
  std::size_t limit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  if (is_number && limit >= 1 && limit <= kMaxPage) return limit;
  return api::bad_request("limit must be a number in [1, 1000]", "limit");
}

}  // namespace kith::server
