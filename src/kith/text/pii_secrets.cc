// Links with credentials, keys, tokens, passwords.
#include <algorithm>
#include <array>

#include "kith/text/pii_characters.h"
#include "kith/text/pii_patterns.h"

namespace kith::text {
namespace {

bool is_token_byte(char c) { return is_ascii_alnum(c) || c == '-' || c == '_'; }
bool is_base64_byte(char c) { return is_ascii_alnum(c) || c == '+' || c == '/' || c == '='; }

template <typename Accepts>
std::size_t run_end(std::string_view text, std::size_t begin, Accepts accepts) {
  std::size_t end = begin;
  while (end < text.size() && accepts(text[end])) ++end;
  return end;
}

struct KnownPrefix {
  std::string_view prefix;
  std::size_t min_rest;
};

// As their issuers document them (for secret scanning).
constexpr std::array kPrefixes = std::to_array<KnownPrefix>(
    {{"sk-", 20},      {"ghp_", 30},        {"gho_", 30},   {"ghu_", 30},     {"ghs_", 30},
     {"ghr_", 30},     {"github_pat_", 22}, {"glpat-", 20}, {"xoxb-", 20},    {"xoxp-", 20},
     {"xoxa-", 20},    {"xapp-", 20},       {"AKIA", 16},   {"ASIA", 16},     {"AIza", 30},
     {"hf_", 30},      {"npm_", 30},        {"SG.", 40},    {"rk_live_", 20}, {"sk_live_", 20},
     {"pk_live_", 20}, {"dop_v1_", 40},     {"shpat_", 30}, {"kith-", 30},    {"ya29.", 20},
     {"EAAC", 40},     {"pypi-", 40}});

std::size_t known_key_end(std::string_view text, std::size_t position) {
  for (const auto& [prefix, min_rest] : kPrefixes) {
    if (text.substr(position, prefix.size()) != prefix) continue;
    const std::size_t begin = position + prefix.size();
    const std::size_t end =
        run_end(text, begin, [](char c) { return is_token_byte(c) || c == '.'; });
    const auto rest = text.substr(begin, end - begin);
    const bool has_digit = std::any_of(rest.begin(), rest.end(), is_ascii_digit);
    if (rest.size() >= min_rest && has_digit) return text[end - 1] == '.' ? end - 1 : end;
  }
  return position;
}

// JSON Web Token (RFC 7519): three parts, the first two of which are JSON objects.
std::size_t web_token_end(std::string_view text, std::size_t position) {
  if (text.substr(position, 3) != "eyJ") return position;
  const std::size_t header = run_end(text, position, is_token_byte);
  if (header - position < 10 || text.substr(header, 4) != ".eyJ") return position;
  const std::size_t body = run_end(text, header + 1, is_token_byte);
  if (byte_at(text, body) != '.') return body;
  return run_end(text, body + 1, is_token_byte);
}

std::size_t private_key_end(std::string_view text, std::size_t position) {
  constexpr std::string_view kBegin = "-----BEGIN ";
  if (text.substr(position, kBegin.size()) != kBegin) return position;
  if (text.substr(position, 64).find("PRIVATE KEY-----") == std::string_view::npos) return position;
  const std::size_t end = text.find("-----END ", position);
  if (end == std::string_view::npos) return text.size();  // cut off: all that is there
  const std::size_t line = text.find("-----", end + 9);
  return line == std::string_view::npos ? text.size() : line + 5;
}

// Groups of equal length with hyphens: product keys (5 x 5), recovery keys of disks (8 x 6 digits).
std::size_t grouped_key_end(std::string_view text, std::size_t position) {
  std::size_t groups = 0;
  std::size_t length = 0;
  bool only_digits = true;
  bool has_digit = false;
  std::size_t end = position;
  for (std::size_t at = position; groups < 12; at = end + 1) {
    const std::size_t group =
        run_end(text, at, [](char c) { return is_ascii_upper(c) || is_ascii_digit(c); });
    if (group == at || (groups > 0 && group - at != length)) return position;
    length = group - at;
    if (length != 5 && length != 6) return position;
    for (std::size_t i = at; i < group; ++i) {
      only_digits = only_digits && is_ascii_digit(text[i]);
      has_digit = has_digit || is_ascii_digit(text[i]);
    }
    ++groups;
    end = group;
    if (byte_at(text, end) != '-') break;
  }
  const bool is_product_key = groups == 5 && length == 5 && has_digit;
  const bool is_recovery_key = groups == 8 && length == 6 && only_digits;
  return is_product_key || is_recovery_key ? end : position;
}

// Letters of both cases and digits, too mixed for a word: what generators write.
bool looks_random(std::string_view run) {
  if (run.size() < 24) return false;
  std::size_t digits = 0;
  std::size_t upper = 0;
  std::size_t lower = 0;
  std::size_t changes = 0;
  const auto kind = [](char c) { return is_ascii_digit(c) ? 0 : is_ascii_upper(c) ? 1 : 2; };
  for (std::size_t i = 0; i < run.size(); ++i) {
    digits += is_ascii_digit(run[i]) ? 1U : 0U;
    upper += is_ascii_upper(run[i]) ? 1U : 0U;
    lower += is_ascii_lower(run[i]) ? 1U : 0U;
    changes += i > 0 && kind(run[i]) != kind(run[i - 1]) ? 1U : 0U;
  }
  return digits >= 3 && upper >= 3 && lower >= 3 && changes * 4 >= run.size();
}

std::size_t random_run_end(std::string_view text, std::size_t position) {
  const std::size_t end =
      run_end(text, position, [](char c) { return is_base64_byte(c) && c != '/'; });
  return looks_random(text.substr(position, end - position)) ? end : position;
}

// What a secret is called, and whether its value may be a number alone.
struct SecretName {
  std::string_view name;
  bool may_be_number;
};

constexpr std::array kSecretNames = std::to_array<SecretName>({{"password", false},
                                                               {"passwort", false},
                                                               {"kennwort", false},
                                                               {"passphrase", false},
                                                               {"passcode", true},
                                                               {"passwd", false},
                                                               {"pwd", false},
                                                               {"client_secret", false},
                                                               {"client secret", false},
                                                               {"secret", false},
                                                               {"access_token", false},
                                                               {"access token", false},
                                                               {"token", false},
                                                               {"api_key", false},
                                                               {"api key", false},
                                                               {"api-key", false},
                                                               {"apikey", false},
                                                               {"access key", false},
                                                               {"access_key", false},
                                                               {"recovery key", true},
                                                               {"bearer", false},
                                                               {"pin", true},
                                                               {"cvv", true},
                                                               {"cvc", true},
                                                               {"密码", true},
                                                               {"口令", true}});

// After the name: ":" or "=" or "is", with spaces around it; a bearer's token follows at once.
std::size_t after_assignment(std::string_view text, std::size_t at, bool needs_none) {
  const auto skip_blanks = [&text](std::size_t from) {
    std::size_t to = from;
    while (to < text.size() && to - from < 4 && (text[to] == ' ' || text[to] == '\t')) ++to;
    return to;
  };
  const std::size_t sign = skip_blanks(at);
  for (const std::string_view word : {":", "=", "：", "是", "is ", "ist "}) {
    if (has_word_at(text, sign, word)) return skip_blanks(sign + word.size());
  }
  return needs_none && sign > at ? sign : std::string_view::npos;
}

bool ends_value(char c) {
  return is_blank(c) || c == '"' || c == '\'' || c == '`' || c == '<' || c == '>' || c == ',' ||
         c == ';' || c == ')' || c == ']' || (static_cast<unsigned char>(c) & 0x80U) != 0;
}

bool looks_secret(std::string_view value, bool may_be_number) {
  const auto letters = std::count_if(value.begin(), value.end(), is_ascii_letter);
  const auto digits = std::count_if(value.begin(), value.end(), is_ascii_digit);
  const auto others = static_cast<std::ptrdiff_t>(value.size()) - letters - digits;
  if (may_be_number && letters == 0 && others == 0) return digits >= 3 && digits <= 8;
  if (value.size() < 6 || value.starts_with("http")) return false;
  // A word, also one with a hyphen or a slash, is none: "password: self-service".
  const bool has_sign = std::any_of(value.begin(), value.end(), [](char c) {
    return std::string_view("!@#$%^&*+=?~").find(c) != std::string_view::npos;
  });
  return (letters > 0 && digits > 0) || (has_sign && letters > 0);
}

std::optional<Span> match_named_secret(const PiiPlace& place) {
  const auto [text, position] = place;
  for (const auto& [name, may_be_number] : kSecretNames) {
    if (!has_word_at(text, position, name)) continue;
    std::size_t begin = after_assignment(text, position + name.size(), name == "bearer");
    if (begin == std::string_view::npos) continue;
    while (byte_at(text, begin) == '"' || byte_at(text, begin) == '\'' ||
           byte_at(text, begin) == '`') {
      ++begin;
    }
    std::size_t end = begin;
    while (end < text.size() && end - begin < kPiiReach && !ends_value(text[end])) ++end;
    // A full stop ends the sentence; an exclamation mark may well end the password.
    while (end > begin && (text[end - 1] == '.' || text[end - 1] == '?' || text[end - 1] == ':')) {
      --end;
    }
    if (looks_secret(text.substr(begin, end - begin), may_be_number)) return Span{begin, end};
  }
  return std::nullopt;
}

bool is_secret_parameter(std::string_view name) {
  constexpr std::array kNames = std::to_array<std::string_view>({"token",
                                                                 "access_token",
                                                                 "id_token",
                                                                 "refresh_token",
                                                                 "auth",
                                                                 "authtoken",
                                                                 "key",
                                                                 "api_key",
                                                                 "apikey",
                                                                 "api-key",
                                                                 "sig",
                                                                 "signature",
                                                                 "secret",
                                                                 "client_secret",
                                                                 "password",
                                                                 "passwd",
                                                                 "pwd",
                                                                 "pass",
                                                                 "code",
                                                                 "session",
                                                                 "sessionid",
                                                                 "sid",
                                                                 "jwt",
                                                                 "ticket",
                                                                 "otp",
                                                                 "invite",
                                                                 "x-amz-signature",
                                                                 "x-amz-security-token",
                                                                 "x-amz-credential",
                                                                 "x-goog-signature"});
  return std::find(kNames.begin(), kNames.end(), ascii_lower(name)) != kNames.end();
}

bool has_secret_parameter(std::string_view query) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find_first_of("&;"), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view value = pair.substr(equals + 1);
    if (value.size() >= 6 && is_secret_parameter(pair.substr(0, equals))) return true;
    if (looks_random(value)) return true;
  }
  return false;
}

}  // namespace

std::optional<std::size_t> match_link(const PiiPlace& place) {
  const auto [text, position] = place;
  std::size_t scheme = position;
  while (scheme < text.size() && scheme - position < 12 &&
         (is_ascii_letter(text[scheme]) || text[scheme] == '+')) {
    ++scheme;
  }
  if (scheme - position < 2 || text.substr(scheme, 3) != "://") return std::nullopt;
  std::size_t end = run_end(text, scheme + 3, [](char c) {
    const bool is_plain = (static_cast<unsigned char>(c) & 0x80U) == 0 && c > ' ' && c != '\x7f';
    return is_plain && c != '"' && c != '<' && c != '>' && c != '`';
  });
  constexpr std::string_view kAfter = ".,;:!?)]}'";
  while (end > scheme + 3 && kAfter.find(text[end - 1]) != std::string_view::npos) --end;
  return end;
}

bool has_secret_in_link(std::string_view link) {
  std::string_view rest = link.substr(link.find("://") + 3);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  const std::size_t at = authority.rfind('@');
  if (at != std::string_view::npos && authority.substr(0, at).find(':') != std::string_view::npos) {
    return true;
  }
  rest.remove_prefix(authority.size());
  const std::size_t query = rest.find_first_of("?#");
  std::string_view path = rest.substr(0, query);
  if (query != std::string_view::npos && has_secret_parameter(rest.substr(query + 1))) return true;
  if (authority == "hooks.slack.com" && path.size() > 30) return true;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    const bool is_key =
        !segment.empty() &&
        (known_key_end(segment, 0) > 0 || web_token_end(segment, 0) > 0 || looks_random(segment));
    if (is_key) return true;
    path.remove_prefix(segment.size());
  }
  return false;
}

std::optional<Span> match_secret(const PiiPlace& place) {
  const auto [text, position] = place;
  // Only where a run begins, so that each is looked at once.
  const char before = position > 0 ? text[position - 1] : ' ';
  const bool begins_run = !is_token_byte(before) && !is_base64_byte(before) && before != '.';
  if (begins_run || before == '=' || before == '/') {
    for (const auto end_of : {known_key_end, web_token_end, grouped_key_end}) {
      const std::size_t end = end_of(text, position);
      if (end > position) return Span{position, end};
    }
  }
  if (begins_run || before == '/') {
    const std::size_t end = random_run_end(text, position);
    if (end > position) return Span{position, end};
  }
  if (const std::size_t end = private_key_end(text, position); end > position) {
    return Span{position, end};
  }
  return match_named_secret(place);
}

}  // namespace kith::text
