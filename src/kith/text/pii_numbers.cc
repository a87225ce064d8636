// Numbers that name somebody: telephones, cards, accounts, national ids.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "kith/text/pii_characters.h"
#include "kith/text/pii_checksums.h"
#include "kith/text/pii_patterns.h"

namespace kith::text {
namespace {

constexpr std::size_t kMaxDigits = 24;

// Digits in groups: "+44 (0)113 555-0148".
struct GroupedNumber {
  struct Group {
    std::size_t begin;
    std::size_t end;
    char before;  // what stands between it and the group before; ' ' counts for any of them
    std::size_t size() const { return end - begin; }
  };
  std::vector<Group> groups;
  std::string digits;

  std::size_t end() const { return groups.back().end; }
  bool has_sizes(std::initializer_list<std::size_t> sizes) const {
    return std::equal(groups.begin(), groups.end(), sizes.begin(), sizes.end(),
                      [](const Group& group, std::size_t size) { return group.size() == size; });
  }
  bool has_separator(char separator) const {
    return std::all_of(groups.begin() + 1, groups.end(),
                       [&](const Group& group) { return group.before == separator; });
  }
};

// Length of what may stand between two groups at `at`, 0 if nothing does; tells the sign of it.
std::size_t separator_length(std::string_view text, std::size_t at, char& sign) {
  std::size_t length = 0;
  sign = '\0';
  // At most ") (" or " - ".
  while (length < 3 && at + length < text.size()) {
    const char c = text[at + length];
    if (c != ' ' && c != '-' && c != '.' && c != '/' && c != '(' && c != ')') break;
    if (sign == '\0' || sign == ' ') sign = c;
    ++length;
  }
  return length;
}

// The digits from `begin` on with their separators; empty groups if there are none.
GroupedNumber read_groups(std::string_view text, std::size_t begin, std::size_t max_digits) {
  GroupedNumber number;
  char sign = '\0';
  for (std::size_t at = begin; number.digits.size() < max_digits;) {
    std::size_t end = at;
    while (end < text.size() && is_ascii_digit(text[end]) && end - at <= kMaxDigits) ++end;
    if (end == at || number.digits.size() + (end - at) > max_digits) break;
    number.groups.push_back({at, end, sign});
    number.digits += text.substr(at, end - at);
    const std::size_t length = separator_length(text, end, sign);
    if (length == 0) break;
    at = end + length;
  }
  return number;
}

void drop_last_group(GroupedNumber& number) {
  number.digits.resize(number.digits.size() - number.groups.back().size());
  number.groups.pop_back();
}

// A number goes on behind `end`, or a letter, a unit or a decimal follows.
bool continues(std::string_view text, std::size_t end) {
  const char next = byte_at(text, end);
  if (is_ascii_alnum(next) || next == '_' || next == '%') return true;
  const bool joins = next == '.' || next == ':' || next == '-' || next == '/' || next == ',';
  return joins && is_ascii_digit(byte_at(text, end + 1));
}

bool is_part_of_longer(std::string_view text, std::size_t position) {
  if (position == 0) return false;
  constexpr std::string_view kJoining = "._-/#$%=@\\,";
  return kJoining.find(text[position - 1]) != std::string_view::npos;
}

// The words before a place, nearest first: at most three within reach, in lower case. Chinese ones
// are looked for in the bytes before.
struct Before {
  std::vector<std::string> words;
  std::string_view bytes;
  bool has_number_sign = false;
};

Before look_back(const PiiPlace& place) {
  constexpr std::size_t kReach = 40;
  Before before;
  const auto [text, position] = place;
  std::size_t at = position;
  const std::size_t first = position > kReach ? position - kReach : 0;
  before.bytes = text.substr(first, position - first);
  // What stands before a placeholder was said of what it replaces.
  before.bytes.remove_prefix(before.bytes.rfind(']') + 1);
  while (at > first && before.words.size() < 3) {
    const char c = text[at - 1];
    if (c == '#') before.has_number_sign = true;
    if (c == ']') break;
    if (c == '\n' || c == '.' || c == ';' || c == '!' || c == '?') {
      // "no." and "tel." end with a stop that ends no sentence.
      if (c != '.' || at < 2 || !is_ascii_letter(text[at - 2])) break;
    }
    if (!is_ascii_letter(c)) {
      if (is_ascii_digit(c)) break;
      --at;
      continue;
    }
    const std::size_t end = at;
    while (at > first && is_ascii_letter(text[at - 1])) --at;
    before.words.push_back(ascii_lower(text.substr(at, end - at)));
  }
  return before;
}

template <std::size_t N>
bool has_any(const Before& before, const std::array<std::string_view, N>& words,
             std::size_t most = 3) {
  const std::size_t count = std::min(most, before.words.size());
  for (std::size_t i = 0; i < count; ++i) {
    if (std::find(words.begin(), words.end(), before.words[i]) != words.end()) return true;
  }
  return false;
}

bool ends_with_any(std::string_view bytes, std::initializer_list<std::string_view> words) {
  const std::string_view tail = bytes.substr(bytes.size() > 18 ? bytes.size() - 18 : 0);
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return tail.find(word) != std::string_view::npos;
  });
}

// The number is that of a thing.
bool names_a_thing(const Before& before) {
  constexpr auto kThings = std::to_array<std::string_view>(
      {"ticket",  "case",  "order", "asset",   "serial",   "ref",      "reference", "id",
       "invoice", "po",    "build", "version", "incident", "request",  "change",    "kb",
       "article", "port",  "code",  "error",   "part",     "model",    "sn",        "item",
       "event",   "batch", "sku",   "barcode", "tag",      "shipment", "tracking",  "row",
       "line",    "claim", "inc",   "req",     "chg",      "job",      "task",      "bug"});
  if (before.has_number_sign) return true;
  if (has_any(before, kThings, 2)) return true;
  return ends_with_any(before.bytes, {"工单", "编号", "单号", "版本", "订单"});
}

bool names_a_phone(const Before& before) {
  constexpr auto kPhones = std::to_array<std::string_view>(
      {"phone", "phones", "mobile", "cell", "tel", "telephone", "call", "dial", "whatsapp", "sms",
       "fax", "ring", "reach", "telefon", "handy", "mobil"});
  if (has_any(before, kPhones)) return true;
  return ends_with_any(before.bytes, {"电话", "手机", "致电", "拨打", "号码"});
}

std::size_t min_size(const GroupedNumber& number, std::size_t first) {
  std::size_t least = kMaxDigits;
  for (std::size_t i = first; i < number.groups.size(); ++i) {
    least = std::min(least, number.groups[i].size());
  }
  return least;
}

// "+44 113 555 0148", "+86 138 0013 8000".
std::optional<Span> match_international(const PiiPlace& place) {
  const auto [text, position] = place;
  if (text[position] != '+') return std::nullopt;
  const std::size_t begin = byte_at(text, position + 1) == '(' ? position + 2 : position + 1;
  if (!is_ascii_digit(byte_at(text, begin)) || text[begin] == '0') return std::nullopt;
  GroupedNumber number = read_groups(text, begin, 15);
  while (!number.groups.empty() && continues(text, number.end())) drop_last_group(number);
  if (number.digits.size() < 8) return std::nullopt;
  // One group of a few digits is "+1000000 points" rather than a number to call.
  if (number.groups.size() == 1 && number.digits.size() < 10) return std::nullopt;
  return Span{position, number.end()};
}

// Shapes with the trunk prefix 0: "0113 555 0148", "(030) 1234567", "06 12 34 56 78".
bool is_national(const GroupedNumber& number, bool is_named) {
  const std::string& digits = number.digits;
  if (digits.size() < 9 || digits.size() > 12 || digits[0] != '0' || digits[1] == '0') return false;
  const auto& groups = number.groups;
  if (groups.size() == 1) return is_named || digits.size() == 10 || digits.size() == 11;
  if (number.has_sizes({2, 2, 2, 2, 2})) {
    return number.has_separator(groups[1].before);
  }
  const bool first_fits = groups[0].size() >= 3 && groups[0].size() <= 6;
  return first_fits && groups.size() <= 4 && min_size(number, 1) >= 2;
}

// "415-555-2671", with an area and an exchange that there can be.
bool is_north_american(const GroupedNumber& number) {
  if (!number.has_sizes({3, 3, 4})) return false;
  const auto is_code = [&](std::size_t at) { return number.digits[at] >= '2'; };
  return is_code(0) && is_code(3);
}

bool is_chinese_mobile(const GroupedNumber& number) {
  const std::string& digits = number.digits;
  if (digits.size() != 11 || digits[0] != '1' || digits[1] < '3') return false;
  return number.groups.size() == 1 || number.has_sizes({3, 4, 4});
}

bool is_date(const GroupedNumber& number) {
  const auto& groups = number.groups;
  if (groups.size() < 3) return false;
  const bool year_first = groups[0].size() == 4 && groups[1].size() <= 2 && groups[2].size() <= 2;
  const bool year_last = groups[0].size() <= 2 && groups[1].size() <= 2 && groups[2].size() == 4;
  return year_first || year_last;
}

bool is_phone_shape(const GroupedNumber& number, const Before& before) {
  if (is_date(number)) return false;
  const bool is_named = names_a_phone(before);
  if (!is_named && names_a_thing(before)) return false;
  if (is_national(number, is_named) || is_north_american(number) || is_chinese_mobile(number)) {
    return true;
  }
  const std::size_t size = number.digits.size();
  return is_named && size >= 7 && size <= 15 && number.groups.size() <= 5;
}

// National ids by shape; each shape is one or two of the countries' ways to write theirs.
bool is_national_id(const GroupedNumber& number, const Before& before) {
  constexpr auto kDutch = std::to_array<std::string_view>({"bsn", "burgerservicenummer"});
  constexpr auto kGerman =
      std::to_array<std::string_view>({"steuer", "steuerid", "idnr", "steuernummer"});
  constexpr auto kPolish = std::to_array<std::string_view>({"pesel"});
  constexpr auto kAmerican = std::to_array<std::string_view>({"ssn", "security"});
  const std::string& digits = number.digits;
  const bool is_joined = number.groups.size() == 1;
  if (digits.size() == 9) {
    const bool hyphenated = number.has_sizes({3, 2, 4}) && number.has_separator('-');
    if ((hyphenated || (is_joined && has_any(before, kAmerican))) &&
        is_us_social_security(digits)) {
      return true;
    }
    return has_any(before, kDutch) && is_dutch_bsn(digits);
  }
  if (digits.size() == 11) {
    return (has_any(before, kGerman) && is_german_tax_id(digits)) ||
           (has_any(before, kPolish) && is_polish_pesel(digits));
  }
  if (digits.size() == 12) return number.has_sizes({4, 4, 4}) && is_aadhaar(digits);
  if (digits.size() == 15) return is_french_social_security(digits);
  return digits.size() == 18 && is_joined && is_chinese_id(digits);
}

// Letters and digits without spaces, at most `most`; spaces inside only where `spaced` allows.
std::string upper_run(std::string_view text, std::size_t position, std::size_t most, bool spaced,
                      std::size_t& end) {
  std::string run;
  end = position;
  for (std::size_t at = position; at < text.size() && run.size() < most; ++at) {
    const char c = text[at];
    if (c == ' ' && spaced && at > position && text[at - 1] != ' ') continue;
    if (!is_ascii_upper(c) && !is_ascii_digit(c)) break;
    run += c;
    end = at + 1;
  }
  return run;
}

// Ids with letters: NINO, DNI and NIE, codice fiscale, the Chinese id that ends in X.
std::optional<Span> match_lettered_id(const PiiPlace& place) {
  const auto [text, position] = place;
  const auto whole = [&](std::size_t end) { return !is_ascii_alnum(byte_at(text, end)); };
  std::size_t end = 0;
  for (const bool spaced : {false, true}) {
    if (is_uk_national_insurance(upper_run(text, position, 9, spaced, end)) && whole(end)) {
      return Span{position, end};
    }
  }
  if (is_spanish_id(upper_run(text, position, 9, false, end)) && whole(end)) {
    return Span{position, end};
  }
  if (is_italian_tax_code(upper_run(text, position, 16, false, end)) && whole(end)) {
    return Span{position, end};
  }
  std::string run = upper_run(text, position, 17, false, end);
  const char last = byte_at(text, end);
  if (run.size() == 17 && (last == 'X' || last == 'x')) {
    if (is_chinese_id(run + 'X') && whole(end + 1)) return Span{position, end + 1};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Span> match_phone(const PiiPlace& place) {
  const auto [text, position] = place;
  if (text[position] == '+') return match_international(place);
  const bool has_parenthesis = text[position] == '(';
  const std::size_t begin = position + (has_parenthesis ? 1 : 0);
  if (!is_ascii_digit(byte_at(text, begin)) || is_part_of_longer(text, position)) {
    return std::nullopt;
  }
  GroupedNumber number = read_groups(text, begin, 15);
  if (number.groups.empty()) return std::nullopt;
  if (has_parenthesis && byte_at(text, number.groups[0].end) != ')') return std::nullopt;
  const Before before = look_back(place);
  for (; !number.groups.empty(); drop_last_group(number)) {
    if (continues(text, number.end())) continue;
    if (is_phone_shape(number, before)) return Span{position, number.end()};
    // "1-415-555-2671"
    if (number.groups.size() == 4 && number.groups[0].size() == 1 && number.digits[0] == '1') {
      GroupedNumber inner = number;
      inner.groups.erase(inner.groups.begin());
      inner.digits.erase(0, 1);
      if (is_north_american(inner)) return Span{position, number.end()};
    }
  }
  return std::nullopt;
}

std::optional<Span> match_card(const PiiPlace& place) {
  const auto [text, position] = place;
  if (!is_ascii_digit(text[position]) || is_part_of_longer(text, position)) return std::nullopt;
  GroupedNumber number = read_groups(text, position, 19);
  for (; !number.groups.empty(); drop_last_group(number)) {
    if (number.digits.size() < 13) return std::nullopt;
    if (continues(text, number.end())) continue;
    const bool is_grouped = number.groups.size() == 1 || number.has_sizes({4, 4, 4, 4}) ||
                            number.has_sizes({4, 6, 5}) || number.has_sizes({4, 6, 4}) ||
                            number.has_sizes({4, 4, 4, 4, 3});
    if (is_grouped && is_card_number(number.digits)) break;
  }
  if (number.groups.empty()) return std::nullopt;
  // One in ten numbers has a right check digit: what is called a ticket's stays.
  if (number.groups.size() == 1 && names_a_thing(look_back(place))) return std::nullopt;
  return Span{position, number.end()};
}

std::optional<Span> match_bank_account(const PiiPlace& place) {
  const auto [text, position] = place;
  const std::string country = {byte_at(text, position), byte_at(text, position + 1)};
  const std::size_t length = iban_length(country);
  if (length == 0 || !is_ascii_digit(byte_at(text, position + 2))) return std::nullopt;
  std::size_t end = 0;
  const std::string number = upper_run(text, position, length, true, end);
  if (!is_iban(number) || is_ascii_alnum(byte_at(text, end))) return std::nullopt;
  return Span{position, end};
}

std::optional<Span> match_national_id(const PiiPlace& place) {
  const auto [text, position] = place;
  if (is_part_of_longer(text, position)) return std::nullopt;
  if (is_ascii_upper(text[position]) || is_ascii_digit(text[position])) {
    if (const auto found = match_lettered_id(place)) return found;
  }
  if (!is_ascii_digit(text[position])) return std::nullopt;
  GroupedNumber number = read_groups(text, position, 18);
  const Before before = look_back(place);
  for (; !number.groups.empty(); drop_last_group(number)) {
    if (number.digits.size() < 9) break;
    if (continues(text, number.end())) continue;
    if (is_national_id(number, before)) return Span{position, number.end()};
  }
  return std::nullopt;
}

}  // namespace kith::text
