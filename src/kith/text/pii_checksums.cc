#include "kith/text/pii_checksums.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace kith::text {
namespace {

int value_of(char digit) { return digit - '0'; }

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool all_upper(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool is_alnum_upper(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); }

int to_int(std::string_view digits) {
  int value = 0;
  for (const char c : digits) value = value * 10 + value_of(c);
  return value;
}

bool passes_luhn(std::string_view digits) {
  int sum = 0;
  bool doubles = false;
  for (std::size_t i = digits.size(); i-- > 0; doubles = !doubles) {
    const int value = value_of(digits[i]) * (doubles ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 == 0;
}

bool is_month_and_day(int month, int day) {
  return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

template <std::size_t N>
int weighted_sum(std::string_view digits, const std::array<int, N>& weights) {
  int sum = 0;
  for (std::size_t i = 0; i < N; ++i) sum += value_of(digits[i]) * weights[i];
  return sum;
}

struct CountryLength {
  std::string_view country;
  std::size_t length;
};

// SWIFT's registry of IBAN formats.
constexpr std::array kIbanLengths = std::to_array<CountryLength>(
    {{"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22},
     {"BH", 22}, {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24}, {"DE", 22},
     {"DK", 18}, {"DO", 28}, {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18}, {"FO", 18}, {"FR", 27},
     {"GB", 22}, {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27}, {"GT", 28}, {"HR", 21}, {"HU", 28},
     {"IE", 22}, {"IL", 23}, {"IQ", 23}, {"IS", 26}, {"IT", 27}, {"JO", 30}, {"KW", 30}, {"KZ", 20},
     {"LB", 28}, {"LC", 32}, {"LI", 21}, {"LT", 20}, {"LU", 20}, {"LV", 21}, {"LY", 25}, {"MC", 27},
     {"MD", 24}, {"ME", 22}, {"MK", 19}, {"MR", 27}, {"MT", 31}, {"MU", 30}, {"NL", 18}, {"NO", 15},
     {"PK", 24}, {"PL", 28}, {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22}, {"SA", 24},
     {"SC", 31}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"ST", 25}, {"SV", 28}, {"TL", 23},
     {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"VG", 24}, {"XK", 20}});

bool has_card_prefix(std::string_view digits) {
  const int two = to_int(digits.substr(0, 2));
  const int three = to_int(digits.substr(0, 3));
  const int four = to_int(digits.substr(0, 4));
  const std::size_t size = digits.size();
  if (digits[0] == '4') return size == 13 || size == 16 || size == 19;  // Visa
  if (two == 34 || two == 37) return size == 15;                        // American Express
  if (two == 36 || two == 38 || (three >= 300 && three <= 305)) return size == 14;    // Diners Club
  if (four >= 3528 && four <= 3589) return size == 16;                                // JCB
  if ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720)) return size == 16;  // Mastercard
  if (four == 6011 || two == 65 || (three >= 644 && three <= 649)) return size >= 16;  // Discover
  if (two == 62) return size >= 16;                                                    // UnionPay
  return (two == 50 || (two >= 56 && two <= 58) || two == 63 || two == 67) &&
         size >= 16;  // Maestro
}

constexpr std::array<std::array<int, 10>, 10> kVerhoeffProduct{{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
                                                                {1, 2, 3, 4, 0, 6, 7, 8, 9, 5},
                                                                {2, 3, 4, 0, 1, 7, 8, 9, 5, 6},
                                                                {3, 4, 0, 1, 2, 8, 9, 5, 6, 7},
                                                                {4, 0, 1, 2, 3, 9, 5, 6, 7, 8},
                                                                {5, 9, 8, 7, 6, 0, 4, 3, 2, 1},
                                                                {6, 5, 9, 8, 7, 1, 0, 4, 3, 2},
                                                                {7, 6, 5, 9, 8, 2, 1, 0, 4, 3},
                                                                {8, 7, 6, 5, 9, 3, 2, 1, 0, 4},
                                                                {9, 8, 7, 6, 5, 4, 3, 2, 1, 0}}};
constexpr std::array<std::array<int, 10>, 8> kVerhoeffPermutation{{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
                                                                   {1, 5, 7, 6, 2, 8, 3, 0, 9, 4},
                                                                   {5, 8, 0, 3, 7, 9, 6, 1, 4, 2},
                                                                   {8, 9, 1, 6, 0, 4, 3, 5, 2, 7},
                                                                   {9, 4, 5, 3, 1, 2, 6, 8, 7, 0},
                                                                   {4, 2, 8, 6, 5, 7, 3, 9, 0, 1},
                                                                   {2, 7, 9, 3, 8, 0, 6, 4, 1, 5},
                                                                   {7, 0, 4, 6, 9, 1, 3, 2, 5, 8}}};

}  // namespace

bool is_card_number(std::string_view digits) {
  if (digits.size() < 13 || digits.size() > 19 || !all_digits(digits)) return false;
  return has_card_prefix(digits) && passes_luhn(digits);
}

std::size_t iban_length(std::string_view country) {
  const auto found = std::find_if(kIbanLengths.begin(), kIbanLengths.end(),
                                  [&](const CountryLength& c) { return c.country == country; });
  return found == kIbanLengths.end() ? 0 : found->length;
}

bool is_iban(std::string_view number) {
  if (number.size() < 15 || number.size() != iban_length(number.substr(0, 2))) return false;
  if (!all_digits(number.substr(2, 2))) return false;
  int rest = 0;
  for (std::size_t i = 0; i < number.size(); ++i) {
    const char c = number[(i + 4) % number.size()];
    if (!is_alnum_upper(c)) return false;
    rest = c <= '9' ? rest * 10 + value_of(c) : rest * 100 + (c - 'A' + 10);
    rest %= 97;
  }
  return rest == 1;
}

bool is_chinese_id(std::string_view number) {
  if (number.size() != 18 || !all_digits(number.substr(0, 17)) || number[0] == '0') return false;
  const int year = to_int(number.substr(6, 4));
  if (year < 1900 || year > 2100) return false;
  if (!is_month_and_day(to_int(number.substr(10, 2)), to_int(number.substr(12, 2)))) return false;
  constexpr std::array<int, 17> kWeights{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
  constexpr std::string_view kCheck = "10X98765432";
  const char last = number[17] == 'x' ? 'X' : number[17];
  return kCheck[static_cast<std::size_t>(weighted_sum(number, kWeights) % 11)] == last;
}

bool is_us_social_security(std::string_view digits) {
  if (digits.size() != 9 || !all_digits(digits)) return false;
  const int area = to_int(digits.substr(0, 3));
  return area != 0 && area != 666 && area < 900 && digits.substr(3, 2) != "00" &&
         digits.substr(5) != "0000";
}

bool is_uk_national_insurance(std::string_view number) {
  if (number.size() != 9 || !all_upper(number.substr(0, 2)) || !all_digits(number.substr(2, 6))) {
    return false;
  }
  constexpr std::string_view kNever = "DFIQUV";
  const std::string_view prefix = number.substr(0, 2);
  if (kNever.find(prefix[0]) != std::string_view::npos || prefix[1] == 'O' ||
      kNever.find(prefix[1]) != std::string_view::npos) {
    return false;
  }
  constexpr std::array<std::string_view, 7> kUnused{"BG", "GB", "NK", "KN", "TN", "NT", "ZZ"};
  if (std::find(kUnused.begin(), kUnused.end(), prefix) != kUnused.end()) return false;
  return number[8] >= 'A' && number[8] <= 'D';
}

bool is_french_social_security(std::string_view digits) {
  if (digits.size() != 15 || !all_digits(digits)) return false;
  const int month = to_int(digits.substr(3, 2));
  if ((digits[0] != '1' && digits[0] != '2') || month < 1 || month > 12) return false;
  std::int64_t body = 0;
  for (const char c : digits.substr(0, 13)) body = body * 10 + value_of(c);
  return 97 - body % 97 == to_int(digits.substr(13));
}

bool is_spanish_id(std::string_view number) {
  if (number.size() != 9) return false;
  constexpr std::string_view kLetters = "TRWAGMYFPDXBNJZSQVHLCKE";
  std::array<char, 8> digits{};
  std::copy_n(number.begin(), 8, digits.begin());
  if (digits[0] >= 'X' && digits[0] <= 'Z') digits[0] = static_cast<char>(digits[0] - 'X' + '0');
  const std::string_view body(digits.data(), digits.size());
  return all_digits(body) && kLetters[static_cast<std::size_t>(to_int(body) % 23)] == number[8];
}

bool is_italian_tax_code(std::string_view number) {
  if (number.size() != 16) return false;
  constexpr std::string_view kShape = "LLLLLLDDLDDLDDDL";
  // Values of the characters at odd places, counted from one; letters stand like digits.
  constexpr std::array<int, 26> kOdd{1,  0,  5, 7, 9, 13, 15, 17, 19, 21, 2,  4,  18,
                                     20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23};
  int sum = 0;
  for (std::size_t i = 0; i < 16; ++i) {
    const bool is_upper = number[i] >= 'A' && number[i] <= 'Z';
    const bool is_number = number[i] >= '0' && number[i] <= '9';
    if (kShape[i] == 'L' ? !is_upper : !is_number) return false;
    if (i == 15) break;
    const int value = is_upper ? number[i] - 'A' : value_of(number[i]);
    sum += i % 2 == 0 ? kOdd[static_cast<std::size_t>(value)] : value;
  }
  return number[15] - 'A' == sum % 26;
}

bool is_aadhaar(std::string_view digits) {
  if (digits.size() != 12 || !all_digits(digits) || digits[0] < '2') return false;
  int check = 0;
  for (std::size_t i = 0; i < 12; ++i) {
    const auto digit = static_cast<std::size_t>(value_of(digits[11 - i]));
    const int permuted = kVerhoeffPermutation[i % 8][digit];
    check = kVerhoeffProduct[static_cast<std::size_t>(check)][static_cast<std::size_t>(permuted)];
  }
  return check == 0;
}

bool is_dutch_bsn(std::string_view digits) {
  if (digits.size() != 9 || !all_digits(digits) || digits == "000000000") return false;
  constexpr std::array<int, 9> kWeights{9, 8, 7, 6, 5, 4, 3, 2, -1};
  return weighted_sum(digits, kWeights) % 11 == 0;
}

bool is_german_tax_id(std::string_view digits) {
  if (digits.size() != 11 || !all_digits(digits) || digits[0] == '0') return false;
  int product = 10;
  for (std::size_t i = 0; i < 10; ++i) {
    const int sum = (value_of(digits[i]) + product) % 10;
    product = (sum == 0 ? 10 : sum) * 2 % 11;
  }
  return (11 - product) % 10 == value_of(digits[10]);
}

bool is_polish_pesel(std::string_view digits) {
  if (digits.size() != 11 || !all_digits(digits)) return false;
  const int month = to_int(digits.substr(2, 2)) % 20;
  if (!is_month_and_day(month, to_int(digits.substr(4, 2)))) return false;
  constexpr std::array<int, 11> kWeights{1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1};
  return weighted_sum(digits, kWeights) % 10 == 0;
}

}  // namespace kith::text
