#include "kith/text/pii.h"

#include <algorithm>
#include <optional>

#include "kith/text/pii_characters.h"
#include "kith/text/pii_patterns.h"
#include "kith/text/unicode.h"
#include "kith/text/utf8.h"

namespace kith::text {
namespace {

struct KindNames {
  std::string_view name;
  std::string_view placeholder;
};

constexpr std::array<KindNames, kNumPiiKinds> kKinds{{{"email", "[e-mail address]"},
                                                      {"phone", "[phone number]"},
                                                      {"bank_account", "[bank account]"},
                                                      {"card", "[card number]"},
                                                      {"ip_address", "[IP address]"},
                                                      {"mac_address", "[MAC address]"},
                                                      {"national_id", "[ID number]"},
                                                      {"street_address", "[street address]"},
                                                      {"link", "[link]"},
                                                      {"secret", "[secret]"},
                                                      {"name", "[name]"}}};

using Recogniser = std::optional<Span> (*)(const PiiPlace& place);

struct Pattern {
  PiiKind kind;
  Recogniser recognise;
  // Digits in a link are parts of paths, not numbers of people.
  bool is_in_links;
};

// In the order in which they are tried: the more certain first.
constexpr std::array<Pattern, 9> kPatterns{
    {{PiiKind::kSecret, match_secret, true},
     {PiiKind::kEmail, match_email, true},
     {PiiKind::kBankAccount, match_bank_account, false},
     {PiiKind::kMacAddress, match_mac_address, false},
     {PiiKind::kIpAddress, match_ip_address, true},
     {PiiKind::kCard, match_card, false},
     {PiiKind::kNationalId, match_national_id, false},
     {PiiKind::kPhone, match_phone, false},
     {PiiKind::kStreetAddress, match_street_address, false}}};

std::size_t placeholder_length(std::string_view text, std::size_t position) {
  if (text[position] != '[') return 0;
  for (const KindNames& kind : kKinds) {
    if (text.substr(position, kind.placeholder.size()) == kind.placeholder) {
      return kind.placeholder.size();
    }
  }
  return 0;
}

std::string key_of(std::string_view value) {
  std::string key;
  for (const char c : value) {
    constexpr std::string_view kIgnored = " \t\n\r-()/.,+";
    if (kIgnored.find(c) == std::string_view::npos) key += to_ascii_lower(c);
  }
  return key;
}

// Whether the character before `position` is a letter or digit of a word. Text in Han characters
// has no spaces, so those count as none.
bool is_after_word(std::string_view text, std::size_t position) {
  std::size_t begin = position - 1;
  while (begin > 0 && position - begin < 4 &&
         (static_cast<unsigned char>(text[begin]) & 0xC0U) == 0x80U) {
    --begin;
  }
  const char32_t before = decode_code_point(text, begin).value;
  return is_word_character(before) && !is_han(before) && !is_kana(before);
}

// Nothing begins inside a word.
bool begins_word(std::string_view text, std::size_t position) {
  if (position == 0) return true;
  const bool is_ascii = (static_cast<unsigned char>(text[position]) & 0x80U) == 0;
  if (is_ascii && !is_ascii_alnum(text[position])) return true;
  if (!is_ascii && is_han(decode_code_point(text, position).value)) return true;
  return !is_after_word(text, position);
}

}  // namespace

std::string_view to_string(PiiKind kind) { return kKinds[static_cast<std::size_t>(kind)].name; }

std::string_view placeholder_of(PiiKind kind) {
  return kKinds[static_cast<std::size_t>(kind)].placeholder;
}

PiiRedactor::PiiRedactor(const PiiOptions& options) : names_(options.names) {
  for (const std::string& value : options.allowed) {
    const bool is_domain = value.starts_with('@');
    std::string key = is_domain ? "@" + ascii_lower(value.substr(1)) : key_of(value);
    if (!key.empty()) allowed_.push_back(std::move(key));
  }
  std::sort(allowed_.begin(), allowed_.end());
}

bool PiiRedactor::is_allowed(PiiKind kind, std::string_view found) const {
  if (allowed_.empty()) return false;
  const auto has = [&](const std::string& key) {
    return std::binary_search(allowed_.begin(), allowed_.end(), key);
  };
  if (kind == PiiKind::kEmail && has(ascii_lower(found.substr(found.rfind('@'))))) return true;
  return has(key_of(found));
}

std::vector<PiiFinding> PiiRedactor::find(std::string_view text) const {
  std::vector<PiiFinding> findings;
  std::size_t link_end = 0;
  std::size_t after_finding = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (const std::size_t length = placeholder_length(text, at); length > 0) {
      after_finding = at += length;
      continue;
    }
    const std::size_t step = decode_code_point(text, at).length;
    if (at != after_finding && !begins_word(text, at)) {
      at += step;
      continue;
    }
    const PiiPlace place{text, at};
    std::optional<PiiFinding> found;
    if (at >= link_end) {
      if (const auto end = match_link(place)) {
        link_end = *end;
        if (has_secret_in_link(text.substr(at, *end - at))) {
          found = PiiFinding{PiiKind::kLink, {at, *end}};
        }
      }
    }
    for (std::size_t i = 0; i < kPatterns.size() && !found; ++i) {
      if (at < link_end && !kPatterns[i].is_in_links) continue;
      if (const auto span = kPatterns[i].recognise(place)) {
        found = PiiFinding{kPatterns[i].kind, *span};
      }
    }
    if (!found) {
      if (const std::size_t length = names_.match_at(text, at); length > 0) {
        found = PiiFinding{PiiKind::kName, {at, at + length}};
      }
    }
    if (!found) {
      at += step;
      continue;
    }
    const auto& [kind, span] = *found;
    if (!is_allowed(kind, text.substr(span.begin, span.size()))) findings.push_back(*found);
    after_finding = at = span.end;
  }
  return findings;
}

std::string PiiRedactor::redact(std::string_view text, PiiCounts* counts) const {
  std::string redacted = sanitize_utf8(text);
  // What stood between two findings may read otherwise without them; once is nearly always enough.
  for (int pass = 0; pass < 8; ++pass) {
    const auto findings = find(redacted);
    if (findings.empty()) break;
    std::string next;
    std::size_t at = 0;
    for (const auto& [kind, span] : findings) {
      next.append(redacted, at, span.begin - at);
      next += placeholder_of(kind);
      at = span.end;
      if (counts != nullptr) ++(*counts)[static_cast<std::size_t>(kind)];
    }
    next.append(redacted, at, std::string::npos);
    redacted = std::move(next);
  }
  return redacted;
}

}  // namespace kith::text
