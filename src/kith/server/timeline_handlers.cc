// /v1/users/{id}/timeline: what a user did.
#include <charconv>
#include <utility>

#include "kith/api/records.h"
#include "kith/server/identity.h"
#include "kith/server/page.h"
#include "kith/server/routes.h"

namespace kith::server {
namespace {

using storage::TimelinePosition;

// "AT-ARRIVAL"; opaque to clients.
std::string to_text(const TimelinePosition& position) {
  return std::to_string(position.at) + "-" + std::to_string(position.arrival);
}

std::optional<TimelinePosition> from_text(const std::string& text) {
  TimelinePosition position;
  const char* const end = text.data() + text.size();
  const auto at = std::from_chars(text.data(), end, position.at);
  if (at.ec != std::errc() || at.ptr == end || *at.ptr != '-') return std::nullopt;
  const auto arrival = std::from_chars(at.ptr + 1, end, position.arrival);
  if (arrival.ec != std::errc() || arrival.ptr != end) return std::nullopt;
  return position;
}

api::Outcome<std::optional<TimelinePosition>> place_before(const HttpRequest& request) {
  const auto found = request.query.find("before");
  if (found == request.query.end()) return std::optional<TimelinePosition>{};
  const auto position = from_text(found->second);
  if (!position) return api::bad_request("before must be the next of another page", "before");
  return position;
}

api::EventView to_view(const storage::TimelineEvent& event) {
  return {event.id,   base::to_iso8601(event.at), event.kind,
          event.item, event.categories,           event.number,
          event.text};
}

}  // namespace

api::Outcome<HttpResponse> get_user_timeline(const Context& context, const Call& call) {
  auto scope = scope_of_user(call.request, call.principal, call.params[0]);
  if (!scope) return std::move(scope).error();
  const auto limit = page_size(call.request);
  if (!limit) return limit.error();
  const auto before = place_before(call.request);
  if (!before) return before.error();
  auto& stores = context.services.stores;
  const auto user = stores.users().find(*scope);
  if (!user) return explain(user.error(), call);
  if (!*user) return explain(Error{ErrorCode::kNotFound, "there is no such user"}, call);
  const auto head = stores.timelines().head(*scope);
  if (!head) return explain(head.error(), call);
  const auto events = stores.timelines().newest(*scope, *before, *limit);
  if (!events) return explain(events.error(), call);
  std::vector<api::EventView> views;
  for (auto placed = events->rbegin(); placed != events->rend(); ++placed) {
    views.push_back(to_view(placed->event));
  }
  const bool is_full = events->size() == *limit;
  return json_response(api::timeline_body(*head ? (*head)->num_events : 0, views,
                                          is_full ? to_text(events->front().position) : ""));
}

}  // namespace kith::server
