#include "kith/grammar/string_formats.h"

#include <array>
#include <initializer_list>
#include <utility>

namespace kith::grammar {
namespace {

// Days that exist, 29 February in leap years included.
constexpr std::string_view kDate =
    R"((?:\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|)"
    R"(02-(?:0[1-9]|1\d|2[0-8]))|(?:\d\d(?:0[48]|[2468][048]|[13579][26])|)"
    R"((?:[02468][048]|[13579][26])00)-02-29))";
constexpr std::string_view kTime =
    R"((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d))";
constexpr std::string_view kDuration =
    R"(P(?:\d{1,4}W|(?:\d{1,4}Y(?:\d{1,4}M(?:\d{1,4}D)?)?|\d{1,4}M(?:\d{1,4}D)?|\d{1,4}D))"
    R"((?:T(?:\d{1,4}H(?:\d{1,4}M(?:\d{1,4}S)?)?|\d{1,4}M(?:\d{1,4}S)?|\d{1,4}S))?|)"
    R"(T(?:\d{1,4}H(?:\d{1,4}M(?:\d{1,4}S)?)?|\d{1,4}M(?:\d{1,4}S)?|\d{1,4}S)))";
// Shorter than the 63 characters that are allowed, so that the whole stays within its limit.
constexpr std::string_view kLabel = R"([A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?)";
constexpr std::string_view kByte = R"((?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d))";

std::string concat(std::initializer_list<std::string_view> parts) {
  std::string whole;
  for (const std::string_view part : parts) whole += part;
  return whole;
}

constexpr std::array<std::string_view, 10> kNames = {
    "date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid"};

}  // namespace

std::optional<std::string> find_format(std::string_view name) {
  const auto whole = [](std::string_view pattern) { return concat({"^(?:", pattern, ")$"}); };
  if (name == "date") return whole(kDate);
  if (name == "time") return whole(kTime);
  if (name == "date-time") return whole(concat({kDate, "T", kTime}));
  if (name == "duration") return whole(kDuration);
  if (name == "email") {
    return whole(concat({R"([A-Za-z0-9_+-]{1,30}(?:\.[A-Za-z0-9_+-]{1,30})?@)", kLabel, R"((?:\.)",
                         kLabel, "){1,4}"}));
  }
  if (name == "hostname") return whole(concat({kLabel, R"((?:\.)", kLabel, "){0,6}"}));
  if (name == "ipv4") return whole(concat({kByte, R"((?:\.)", kByte, "){3}"}));
  if (name == "ipv6") return whole("(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}");
  if (name == "uuid") return whole("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}");
  if (name == "uri") {
    return whole(concat({"https?://", kLabel, R"((?:\.)", kLabel, R"(){0,4}(?::\d{1,4})?)",
                         R"((?:/[A-Za-z0-9._~/-]{0,100})?(?:\?[A-Za-z0-9._~=&-]{0,100})?)"}));
  }
  return std::nullopt;
}

std::string known_formats() {
  std::string names;
  for (const std::string_view name : kNames) {
    if (!names.empty()) names += ", ";
    names += name;
  }
  return names;
}

}  // namespace kith::grammar
