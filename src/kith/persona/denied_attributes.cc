#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "kith/persona/catalogue.h"

namespace kith::persona {
namespace {

// Beginnings of words, so that "religious" and "religion" are one entry. Short ones stand below.
constexpr std::array<std::string_view, 35> kDeniedStems = {
    "health",  "medic",   "disab",     "illness",   "diagnos", "disease", "handicap",
    "pregnan", "religi",  "faith",     "church",    "belief",  "politic", "voting",
    "ideolog", "sexual",  "gender",    "pronoun",   "marital", "marri",   "spouse",
    "union",   "ethnic",  "racial",    "nationali", "citizen", "immigra", "caste",
    "skin",    "genetic", "biometric", "criminal",  "convict", "birth",   "philosoph"};
constexpr std::array<std::string_view, 7> kDeniedWords = {"sex",  "race", "age",  "dob",
                                                          "lgbt", "hiv",  "tribe"};
// Chinese names have no word boundaries, so these count anywhere.
constexpr std::array<std::string_view, 14> kDeniedChinese = {
    "健康", "疾病",   "残疾", "怀孕", "宗教", "信仰", "政治",
    "性别", "性取向", "婚姻", "工会", "民族", "国籍", "年龄"};

bool is_denied_word(std::string_view word) {
  const auto starts = [word](std::string_view stem) { return word.starts_with(stem); };
  return std::any_of(kDeniedStems.begin(), kDeniedStems.end(), starts) ||
         std::find(kDeniedWords.begin(), kDeniedWords.end(), word) != kDeniedWords.end();
}

}  // namespace

bool is_denied_attribute(std::string_view name) {
  const auto holds = [name](std::string_view part) {
    return name.find(part) != std::string_view::npos;
  };
  if (std::any_of(kDeniedChinese.begin(), kDeniedChinese.end(), holds)) return true;
  std::string word;
  bool was_lower = false;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    // "marriedName" and "married_name" are the same two words.
    const bool starts_word = std::isalnum(byte) == 0 || (std::isupper(byte) != 0 && was_lower);
    if (starts_word) {
      if (is_denied_word(word)) return true;
      word.clear();
    }
    was_lower = std::islower(byte) != 0;
    if (std::isalnum(byte) != 0) word.push_back(static_cast<char>(std::tolower(byte)));
  }
  return is_denied_word(word);
}

}  // namespace kith::persona
