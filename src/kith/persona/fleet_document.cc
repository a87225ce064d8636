#include "kith/persona/fleet_document.h"

namespace kith::persona {
namespace {

using base::OrderedJson;
using storage::FleetCounts;

constexpr base::UnixMicros kDay = 86'400'000'000;
constexpr base::UnixMicros kWeek = 7 * kDay;
constexpr base::UnixMicros kUsualSpan = 30 * kDay;

Error invalid(const std::string& message) { return Error{ErrorCode::kInvalidArgument, message}; }

base::UnixMicros begin_of_day(base::UnixMicros at) {
  const base::UnixMicros within = ((at % kDay) + kDay) % kDay;
  return at - within;
}

Result<base::UnixMicros> read_time(const char* name, const std::string& text,
                                   base::UnixMicros fallback) {
  if (text.empty()) return fallback;
  auto at = base::from_iso8601(text);
  if (!at) return invalid(std::string(name) + " must be a day or a time in ISO 8601: " + text);
  return at;
}

double share_of(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

// Thumbs may come on a later day than their answers: those on a day without any are few as well.
bool is_told(std::int64_t requests, std::int64_t users, std::int64_t thumbs,
             std::int64_t min_users) {
  return (requests == 0 && thumbs == 0) || users >= min_users;
}

// Answers to the persona's own users, whoever gave them.
OrderedJson own_json(const FleetCounts& counts, std::int64_t min_users) {
  if (!is_told(counts.own_requests, counts.own_users, counts.own_thumbs_up + counts.own_thumbs_down,
               min_users)) {
    return {{"withheld", true}};
  }
  return {{"requests", counts.own_requests},
          {"users", counts.own_users},
          {"thumbs_up", counts.own_thumbs_up},
          {"thumbs_down", counts.own_thumbs_down}};
}

OrderedJson counts_json(const FleetCounts& counts, std::int64_t min_users) {
  OrderedJson json{{"from", base::to_iso8601(counts.from)},
                   {"to", base::to_iso8601(counts.to)},
                   {"size", counts.size},
                   {"joined", counts.joined},
                   {"left", counts.left},
                   {"to_own_users", own_json(counts, min_users)}};
  if (!is_told(counts.requests, counts.users, counts.thumbs_up + counts.thumbs_down, min_users)) {
    json["withheld"] = true;
    return json;
  }
  json["requests"] = counts.requests;
  json["users"] = counts.users;
  json["thumbs_up"] = counts.thumbs_up;
  json["thumbs_down"] = counts.thumbs_down;
  json["share"] = share_of(counts.requests, counts.all_requests);
  return json;
}

}  // namespace

Result<storage::FleetQuery> to_fleet_query(const PersonaId& persona, const FleetSpan& span,
                                           base::UnixMicros now) {
  storage::FleetQuery query;
  query.persona = persona;
  KITH_ASSIGN_OR_RETURN(const base::UnixMicros to, read_time("to", span.to, now));
  query.to = begin_of_day(to) + kDay;
  KITH_ASSIGN_OR_RETURN(const base::UnixMicros from,
                        read_time("from", span.from, query.to - kUsualSpan));
  query.from = begin_of_day(from);
  if (query.from >= query.to) return invalid("from must not be after to: " + span.from);
  if (!span.bucket.empty() && span.bucket != "day" && span.bucket != "week") {
    return invalid("bucket must be one of day, week: " + span.bucket);
  }
  query.bucket = span.bucket == "week" ? kWeek : kDay;
  if ((query.to - query.from - 1) / query.bucket >= storage::kMaxFleetBuckets) {
    return invalid("from and to must span at most " + std::to_string(storage::kMaxFleetBuckets) +
                   " buckets");
  }
  return query;
}

OrderedJson fleet_json(const storage::FleetQuery& query, const storage::FleetFigures& figures,
                       std::int64_t min_users) {
  OrderedJson json{{"persona", query.persona.str()},
                   {"bucket", query.bucket == kWeek ? "week" : "day"},
                   {"from", base::to_iso8601(query.from)},
                   {"to", base::to_iso8601(query.to)},
                   {"min_users", min_users},
                   {"size", figures.total.size},
                   {"share_of_users", share_of(figures.total.size, figures.all_users)},
                   {"total", counts_json(figures.total, min_users)},
                   {"buckets", OrderedJson::array()}};
  for (const FleetCounts& bucket : figures.buckets) {
    json["buckets"].push_back(counts_json(bucket, min_users));
  }
  return json;
}

}  // namespace kith::persona
