// Addresses: of mailboxes, of machines, of houses.
#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <vector>

#include "kith/text/pii_characters.h"
#include "kith/text/pii_patterns.h"
#include "kith/text/unicode.h"
#include "kith/text/utf8.h"

namespace kith::text {
namespace {

bool is_local_byte(char c) {
  return is_ascii_alnum(c) || c == '.' || c == '_' || c == '%' || c == '+' || c == '-' || c == '\'';
}

// The end of a domain name with a top level of letters; `begin` if there is none.
std::size_t domain_end(std::string_view text, std::size_t begin) {
  std::size_t end = begin;
  std::size_t good = begin;
  std::size_t labels = 0;
  while (end < text.size() && end - begin < 255) {
    std::size_t label = end;
    while (label < text.size() && (is_ascii_alnum(text[label]) || text[label] == '-')) ++label;
    const std::string_view name = text.substr(end, label - end);
    if (name.empty() || name.front() == '-' || name.back() == '-' || name.size() > 63) break;
    ++labels;
    const bool is_top = name.size() >= 2 && std::all_of(name.begin(), name.end(), is_ascii_letter);
    if (labels >= 2) good = is_top ? label : begin;
    if (byte_at(text, label) != '.' || !is_ascii_alnum(byte_at(text, label + 1))) break;
    end = label + 1;
  }
  return good;
}

// "icon@2x.png" is a file.
bool is_file_name(std::string_view domain) {
  constexpr std::array kEndings = std::to_array<std::string_view>(
      {".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".css", ".js"});
  const std::string lower = ascii_lower(domain);
  return std::any_of(kEndings.begin(), kEndings.end(),
                     [&](std::string_view ending) { return lower.ends_with(ending); });
}

bool is_version_word_before(std::string_view text, std::size_t position) {
  const std::size_t first = position > 20 ? position - 20 : 0;
  const std::string before = ascii_lower(text.substr(first, position - first));
  std::string_view tail = before;
  while (!tail.empty() && (tail.back() == ' ' || tail.back() == ':' || tail.back() == '=')) {
    tail.remove_suffix(1);
  }
  constexpr std::array kWords = std::to_array<std::string_view>(
      {"version", "ver", "ver.", "build", "release", "firmware", "driver", "section", "chapter",
       "v", "rev", "update", "client", "agent", "software", "版本"});
  return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view word) {
    return tail.ends_with(word) &&
           (tail.size() == word.size() || !is_ascii_alnum(tail[tail.size() - word.size() - 1]));
  });
}

std::optional<Span> match_ip4(const PiiPlace& place) {
  const auto [text, position] = place;
  std::array<int, 4> octets{};
  std::size_t at = position;
  for (std::size_t i = 0; i < 4; ++i) {
    if (i > 0 && byte_at(text, at++) != '.') return std::nullopt;
    const std::size_t begin = at;
    while (at - begin < 4 && is_ascii_digit(byte_at(text, at))) ++at;
    const std::string_view octet = text.substr(std::min(begin, text.size()), at - begin);
    if (octet.empty() || octet.size() > 3 || (octet.size() > 1 && octet[0] == '0')) {
      return std::nullopt;
    }
    std::from_chars(octet.data(), octet.data() + octet.size(), octets[i]);
    if (octets[i] > 255) return std::nullopt;
  }
  const char next = byte_at(text, at);
  const bool goes_on = is_ascii_alnum(next) || next == '_' ||
                       ((next == '.' || next == '-') && is_ascii_alnum(byte_at(text, at + 1)));
  const bool is_joined = position > 0 && (text[position - 1] == '.' || text[position - 1] == '-');
  if (goes_on || is_joined || is_version_word_before(text, position)) return std::nullopt;
  // Loopback, none, masks and broadcast are nobody's.
  if (octets[0] == 0 || octets[0] == 127 || octets[0] == 255) return std::nullopt;
  return Span{position, at};
}

std::optional<Span> match_ip6(const PiiPlace& place) {
  const auto [text, position] = place;
  std::size_t end = position;
  while (end < text.size() && end - position < 40 &&
         (is_hex_digit(text[end]) || text[end] == ':')) {
    ++end;
  }
  while (end > position && text[end - 1] == ':' &&
         !text.substr(position, end - position).ends_with("::")) {
    --end;
  }
  const std::string_view address = text.substr(position, end - position);
  if (is_ascii_alnum(byte_at(text, end)) || address.size() < 6) return std::nullopt;
  std::size_t groups = 0;
  std::size_t gaps = 0;
  bool has_digit = false;
  for (std::size_t i = 0; i < address.size();) {
    if (address[i] == ':') {
      const bool is_gap = byte_at(address, i + 1) == ':';
      gaps += is_gap ? 1 : 0;
      i += is_gap ? 2 : 1;
      if (byte_at(address, i) == ':') return std::nullopt;
      continue;
    }
    const std::size_t begin = i;
    for (; i < address.size() && address[i] != ':'; ++i) has_digit |= is_ascii_digit(address[i]);
    if (i - begin > 4) return std::nullopt;
    ++groups;
  }
  const bool is_whole = gaps == 0 && groups == 8;
  const bool is_short = gaps == 1 && groups >= 3 && groups <= 7;
  if (!has_digit || (!is_whole && !is_short)) return std::nullopt;
  return Span{position, end};
}

struct StreetWord {
  std::string_view word;
  bool is_sure;  // else only before a town: "11 Google Drive" is none
};

constexpr std::array kStreetWords = std::to_array<StreetWord>(
    {{"Street", true},   {"St", true},      {"Road", true},      {"Rd", true},
     {"Avenue", true},   {"Ave", true},     {"Lane", true},      {"Ln", true},
     {"Crescent", true}, {"Terrace", true}, {"Boulevard", true}, {"Blvd", true},
     {"Gardens", true},  {"Grove", true},   {"Mews", true},      {"Drive", false},
     {"Close", false},   {"Way", false},    {"Court", false},    {"Place", false},
     {"Square", false},  {"Row", false},    {"Hill", false},     {"Parade", false}});

// The end of a British or Dutch or American postcode at `at`, or `at`.
std::size_t postcode_end(std::string_view text, std::size_t at) {
  std::size_t i = at;
  const auto take = [&](auto accepts, std::size_t least, std::size_t most) {
    const std::size_t begin = i;
    while (i - begin < most && accepts(byte_at(text, i))) ++i;
    return i - begin >= least;
  };
  if (take(is_ascii_upper, 1, 2) && take(is_ascii_digit, 1, 2)) {
    take(is_ascii_upper, 0, 1);
    if (byte_at(text, i) == ' ') ++i;
    if (take(is_ascii_digit, 1, 1) && take(is_ascii_upper, 2, 2) &&
        !is_ascii_alnum(byte_at(text, i))) {
      return i;
    }
  }
  i = at;
  if (take(is_ascii_digit, 4, 4) && byte_at(text, i) == ' ' && ++i != 0 &&
      take(is_ascii_upper, 2, 2) && !is_ascii_alnum(byte_at(text, i))) {
    return i;
  }
  i = at;
  if (take(is_ascii_digit, 5, 5) && !is_ascii_alnum(byte_at(text, i))) return i;
  return at;
}

// ", Leeds LS1 4DY" behind a street: the end of it, or `at`.
std::size_t town_end(std::string_view text, std::size_t at) {
  std::size_t i = at;
  if (byte_at(text, i) == ',') ++i;
  if (byte_at(text, i) != ' ') return at;
  ++i;
  if (const std::size_t end = postcode_end(text, i); end > i) return end;
  if (byte_at(text, at) != ',' || !is_ascii_upper(byte_at(text, i))) return at;
  std::size_t town = i;
  while (is_ascii_letter(byte_at(text, town)) && town - i < 24) ++town;
  std::size_t code = town;
  if (byte_at(text, code) == ',') ++code;
  if (byte_at(text, code) == ' ') {
    if (const std::size_t end = postcode_end(text, code + 1); end > code + 1) return end;
  }
  return town;
}

// "12 Harbour Street", "221b Baker St, London NW1 6XE".
std::optional<Span> match_english_street(const PiiPlace& place) {
  const auto [text, position] = place;
  std::size_t at = position;
  while (at - position < 5 && is_ascii_digit(byte_at(text, at))) ++at;
  if (at == position ||
      (position > 0 && (text[position - 1] == '.' || text[position - 1] == '-'))) {
    return std::nullopt;
  }
  if (is_ascii_lower(byte_at(text, at)) && byte_at(text, at + 1) == ' ') ++at;
  for (std::size_t words = 0; words < 4 && byte_at(text, at) == ' '; ++words) {
    const std::size_t begin = at + 1;
    if (!is_ascii_upper(byte_at(text, begin))) break;
    at = begin;
    while (at - begin < 24 && (is_ascii_letter(byte_at(text, at)) || byte_at(text, at) == '\''))
      ++at;
    if (words == 0) continue;
    const std::string_view word = text.substr(begin, at - begin);
    const auto found = std::find_if(kStreetWords.begin(), kStreetWords.end(),
                                    [&](const StreetWord& street) { return street.word == word; });
    if (found == kStreetWords.end()) continue;
    const std::size_t end = town_end(text, at);
    if (found->is_sure || end > at) return Span{position, end};
  }
  return std::nullopt;
}

// "Hauptstraße 12", "Keizersgracht 241": the street's kind ends its name.
std::optional<Span> match_joined_street(const PiiPlace& place) {
  const auto [text, position] = place;
  if (!is_ascii_upper(text[position])) return std::nullopt;
  std::size_t end = position;
  while (end < text.size() && end - position < 40) {
    const DecodedCodePoint step = decode_code_point(text, end);
    if (!step.well_formed || !is_letter(step.value) || is_han(step.value)) break;
    end += step.length;
  }
  constexpr std::array kKinds = std::to_array<std::string_view>(
      {"straße", "strasse", "gasse", "allee", "straat", "laan", "plein", "gracht", "kade", "weg"});
  const std::string name = ascii_lower(text.substr(position, end - position));
  const bool is_street = std::any_of(kKinds.begin(), kKinds.end(), [&](std::string_view kind) {
    return name.size() > kind.size() + 2 && name.ends_with(kind);
  });
  if (!is_street || byte_at(text, end) != ' ') return std::nullopt;
  std::size_t number = end + 1;
  while (number - end <= 4 && is_ascii_digit(byte_at(text, number))) ++number;
  if (number == end + 1) return std::nullopt;
  if (is_ascii_lower(byte_at(text, number)) && !is_ascii_alnum(byte_at(text, number + 1))) ++number;
  if (is_ascii_alnum(byte_at(text, number))) return std::nullopt;
  return Span{position, number};
}

// "星湖街328号": a few characters, a word for street, a number, 号.
std::optional<Span> match_chinese_street(const PiiPlace& place) {
  const auto [text, position] = place;
  std::size_t at = position;
  bool after_street = false;
  for (int count = 0; count < 6; ++count) {
    if (at >= text.size()) return std::nullopt;
    const DecodedCodePoint step = decode_code_point(text, at);
    if (!step.well_formed || !is_han(step.value)) break;
    constexpr std::u32string_view kStreets = U"路街道巷弄";
    after_street = count > 0 && kStreets.find(step.value) != std::u32string_view::npos;
    at += step.length;
  }
  if (!after_street) return std::nullopt;
  const std::size_t number = at;
  while (at - number < 5 && is_ascii_digit(byte_at(text, at))) ++at;
  constexpr std::string_view kHouse = "号";
  if (at == number || text.substr(at, kHouse.size()) != kHouse) return std::nullopt;
  return Span{position, at + kHouse.size()};
}

}  // namespace

std::optional<Span> match_email(const PiiPlace& place) {
  const auto [text, position] = place;
  if (!is_ascii_alnum(text[position])) return std::nullopt;
  if (position > 0 && is_local_byte(text[position - 1]) && text[position - 1] != '\'') {
    return std::nullopt;
  }
  std::size_t at = position;
  while (at < text.size() && at - position <= 64 && is_local_byte(text[at])) ++at;
  if (byte_at(text, at) != '@' || text[at - 1] == '.') return std::nullopt;
  const std::size_t end = domain_end(text, at + 1);
  if (end == at + 1 || is_file_name(text.substr(at, end - at))) return std::nullopt;
  const bool is_repository =
      text.substr(position, at - position) == "git" && byte_at(text, end) == ':';
  if (is_repository) return std::nullopt;
  return Span{position, end};
}

std::optional<Span> match_ip_address(const PiiPlace& place) {
  if (is_ascii_digit(place.text[place.position])) {
    if (const auto found = match_ip4(place)) return found;
  }
  if (!is_hex_digit(place.text[place.position]) && place.text[place.position] != ':') {
    return std::nullopt;
  }
  if (place.position > 0 && place.text[place.position - 1] == ':') return std::nullopt;
  return match_ip6(place);
}

std::optional<Span> match_mac_address(const PiiPlace& place) {
  const auto [text, position] = place;
  const auto hex = [&](std::size_t at, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      if (!is_hex_digit(byte_at(text, at + i))) return false;
    }
    return true;
  };
  const auto ends = [&](std::size_t end, char sign) {
    const char next = byte_at(text, end);
    return !is_ascii_alnum(next) && !(next == sign && is_hex_digit(byte_at(text, end + 1)));
  };
  const char sign = byte_at(text, position + 2);
  if (sign == ':' || sign == '-') {
    bool fits = hex(position, 2);
    for (std::size_t i = 1; i < 6 && fits; ++i) {
      fits = byte_at(text, position + 3 * i - 1) == sign && hex(position + 3 * i, 2);
    }
    if (fits && ends(position + 17, sign)) return Span{position, position + 17};
  }
  const bool is_dotted = hex(position, 4) && byte_at(text, position + 4) == '.' &&
                         hex(position + 5, 4) && byte_at(text, position + 9) == '.' &&
                         hex(position + 10, 4);
  if (is_dotted && ends(position + 14, '.')) return Span{position, position + 14};
  return std::nullopt;
}

std::optional<Span> match_street_address(const PiiPlace& place) {
  const auto c = static_cast<unsigned char>(place.text[place.position]);
  if (is_ascii_digit(static_cast<char>(c))) return match_english_street(place);
  if (is_ascii_upper(static_cast<char>(c))) return match_joined_street(place);
  if (c >= 0xE0U) return match_chinese_street(place);
  return std::nullopt;
}

}  // namespace kith::text
