// The recognisers behind pii.h: each says whether something of its kind stands at one place of a
// text. All are pure and look at a bounded stretch of at most kPiiReach bytes, but for links and
// keys, which reach to their end.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "kith/text/regex.h"

namespace kith::text {

// Further than this no pattern looks, in either direction.
inline constexpr std::size_t kPiiReach = 320;

// A place in a text that a pattern may begin at: no letter or digit stands directly before it.
struct PiiPlace {
  std::string_view text;
  std::size_t position = 0;  // < text.size()
};

// The end of the link ("https://...") that begins at the place, or no value.
std::optional<std::size_t> match_link(const PiiPlace& place);
// Whether a link carries a password, a token or a signature.
bool has_secret_in_link(std::string_view link);

// Each returns the bytes found, which for what is named ("password: x") begin after the place.
std::optional<Span> match_secret(const PiiPlace& place);
std::optional<Span> match_email(const PiiPlace& place);
std::optional<Span> match_ip_address(const PiiPlace& place);
std::optional<Span> match_mac_address(const PiiPlace& place);
std::optional<Span> match_bank_account(const PiiPlace& place);
std::optional<Span> match_card(const PiiPlace& place);
std::optional<Span> match_national_id(const PiiPlace& place);
std::optional<Span> match_phone(const PiiPlace& place);
std::optional<Span> match_street_address(const PiiPlace& place);

}  // namespace kith::text
