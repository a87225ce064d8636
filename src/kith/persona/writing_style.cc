#include "kith/persona/writing_style.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kith/text/utf8.h"

namespace kith::persona {
namespace {

enum class Sign : std::uint8_t { kOther, kLetter, kCapital, kDigit, kHan, kStop, kComma };

bool is_between(char32_t c, char32_t first, char32_t last) { return c >= first && c <= last; }

Sign sign_of(char32_t c) {
  if (is_between(c, U'A', U'Z') || is_between(c, U'À', U'Þ') || is_between(c, U'А', U'Я')) {
    return Sign::kCapital;
  }
  if (is_between(c, U'0', U'9')) return Sign::kDigit;
  if (c == U',' || c == U'，' || c == U'、') return Sign::kComma;
  if (c == U'.' || c == U'!' || c == U'?' || c == U'。' || c == U'！' || c == U'？') {
    return Sign::kStop;
  }
  if (is_between(c, 0x4E00, 0x9FFF) || is_between(c, 0x3040, 0x30FF)) return Sign::kHan;
  if (is_between(c, U'a', U'z') || c == U'\'' || is_between(c, 0x00DF, 0x2000)) {
    return Sign::kLetter;
  }
  return Sign::kOther;
}

bool is_word_sign(Sign sign) {
  return sign == Sign::kLetter || sign == Sign::kCapital || sign == Sign::kDigit;
}

// What has been read of a message so far.
struct Tally {
  double words = 0.0;
  double word_characters = 0.0;
  double sentences = 0.0;
  double characters = 0.0;
  double digits = 0.0;
  double commas = 0.0;
  bool asks = false;
  bool exclaims = false;
  bool begins_capital = false;
  bool has_begun = false;
  bool is_in_word = false;
  bool is_in_sentence = false;
  Sign last = Sign::kOther;

  void read(char32_t c) {
    const Sign sign = sign_of(c);
    characters += 1.0;
    if (c != U' ' && c != U'\n' && c != U'\t' && c != U'\r') {
      if (!has_begun) begins_capital = sign == Sign::kCapital;
      has_begun = true;
      last = sign;
    }
    read_word(sign);
    digits += sign == Sign::kDigit ? 1.0 : 0.0;
    commas += sign == Sign::kComma ? 1.0 : 0.0;
    asks = asks || c == U'?' || c == U'？';
    exclaims = exclaims || c == U'!' || c == U'！';
    if (sign == Sign::kStop || c == U'\n') end_sentence();
  }

  void read_word(Sign sign) {
    if (is_word_sign(sign) || sign == Sign::kHan) {
      words += is_in_word && sign != Sign::kHan ? 0.0 : 1.0;
      word_characters += 1.0;
      is_in_sentence = true;
    }
    is_in_word = is_word_sign(sign);
  }

  void end_sentence() {
    sentences += is_in_sentence ? 1.0 : 0.0;
    is_in_sentence = false;
  }
};

}  // namespace

std::array<float, kStyleFeatures> measure_style(std::string_view message) {
  Tally counted;
  text::for_each_code_point(message,
                            [&](char32_t c, std::size_t, std::size_t) { counted.read(c); });
  counted.end_sentence();
  if (counted.words == 0.0) return {};
  const auto flag = [](bool value) { return value ? 1.0F : 0.0F; };
  const auto number = [](double value) { return static_cast<float>(value); };
  return {flag(counted.begins_capital),
          flag(counted.last == Sign::kStop),
          flag(counted.asks),
          flag(counted.exclaims),
          number(std::log1p(counted.words)),
          number(std::log1p(counted.words / std::max(counted.sentences, 1.0))),
          number(counted.digits / counted.characters),
          number(counted.commas / counted.words),
          number(counted.word_characters / counted.words)};
}

}  // namespace kith::persona
