#include "kith/persona/denied_words.h"

#include <algorithm>
#include <array>
#include <unordered_set>
#include <vector>

#include "kith/text/segment.h"

namespace kith::persona {
namespace {

// Beginnings of words, long enough to mean nothing else: "religion", "religious".
constexpr std::array<std::string_view, 71> kStems = {
    "religi",    "catholic",   "protestant",  "evangelic", "christian", "muslim",    "islam",
    "judais",    "buddhis",    "hinduis",     "sikhis",    "atheis",    "agnostic",  "orthodoxy",
    "ramadan",   "baptis",     "lutheran",    "methodis",  "mormon",    "jehovah",   "diabet",
    "cancer",    "chemother",  "oncolog",     "leukemi",   "leukaemi",  "tumour",    "epilep",
    "asthma",    "autis",      "schizophren", "bipolar",   "dementia",  "alzheimer", "parkinson",
    "psychiat",  "psychother", "antidepress", "depressi",  "pregnan",   "miscarr",   "dialysis",
    "disabilit", "wheelchair", "illness",     "surgery",   "insulin",   "migraine",  "homosex",
    "bisexu",    "heterosex",  "transgender", "transsex",  "lesbian",   "sexual",    "ethnic",
    "racial",    "hispanic",   "latino",      "latina",    "aborigin",  "uighur",    "uyghur",
    "gypsy",     "socialis",   "communis",    "fascis",    "unionis",   "tumor",     "suicid",
    "arthrit"};

// Whole words; of many the stem would catch others ("ill", "illustrate").
constexpr std::array<std::string_view, 77> kWords = {
    "jew",          "jews",      "jewish",    "hindu",       "sikh",      "faith",
    "church",       "mosque",    "synagogue", "parish",      "pray",      "prayer",
    "prayers",      "eid",       "yom",       "kippur",      "hanukkah",  "halal",
    "kosher",       "hijab",     "imam",      "rabbi",       "priest",    "ill",
    "sick",         "sickness",  "hiv",       "aids",        "adhd",      "ptsd",
    "ivf",          "maternity", "handicap",  "handicapped", "deaf",      "disease",
    "therapy",      "therapist", "rehab",     "alcoholic",   "gay",       "gays",
    "queer",        "lgbt",      "lgbtq",     "trans",       "arab",      "arabs",
    "kurd",         "kurdish",   "roma",      "tibetan",     "zhuang",    "african",
    "asian",        "caucasian", "caste",     "democrat",    "democrats", "republican",
    "republicans",  "tory",      "tories",    "vote",        "voted",     "voting",
    "election",     "union",     "unions",    "diagnosed",   "diagnosis", "conservatives",
    "conservative", "covid",     "flu",       "anxiety",     "pagan"};

// Words in a row.
constexpr std::array<std::string_view, 23> kPhrases = {"green party",
                                                       "political party",
                                                       "liberal party",
                                                       "shop steward",
                                                       "collective bargaining",
                                                       "works council",
                                                       "heart attack",
                                                       "mental health",
                                                       "black person",
                                                       "black people",
                                                       "white person",
                                                       "coming out",
                                                       "labour party",
                                                       "labour voter",
                                                       "labour member",
                                                       "han chinese",
                                                       "a stroke",
                                                       "multiple sclerosis",
                                                       "am blind",
                                                       "is blind",
                                                       "trade unionist",
                                                       "am disabled",
                                                       "disabled person"};

// Chinese has no word boundaries, so these count anywhere.
constexpr std::array<std::string_view, 62> kChinese = {
    "宗教",   "信仰",   "佛教",   "道教", "基督",   "天主教", "伊斯兰", "穆斯林",  "犹太",
    "教堂",   "清真",   "祷告",   "礼拜", "斋月",   "信徒",   "生病",   "病假",    "疾病",
    "癌",     "肿瘤",   "糖尿病", "抑郁", "焦虑症", "哮喘",   "癫痫",   "艾滋",    "乙肝",
    "怀孕",   "孕妇",   "流产",   "残疾", "化疗",   "精神病", "心脏病", "高血压",  "确诊",
    "同性恋", "双性恋", "异性恋", "变性", "性取向", "出柜",   "党员",   "入党",    "共产党",
    "民主党", "共和党", "政治",   "选举", "投票",   "工会",   "罢工",   "民族",    "汉族",
    "回族",   "藏族",   "维吾尔", "壮族", "苗族",   "满族",   "蒙古族", "少数民族"};

const std::unordered_set<std::string_view>& words() {
  static const std::unordered_set<std::string_view> set(kWords.begin(), kWords.end());
  return set;
}

bool is_denied(const std::string& word) {
  const auto starts = [&word](std::string_view stem) { return word.starts_with(stem); };
  return words().contains(word) || std::any_of(kStems.begin(), kStems.end(), starts);
}

bool holds_phrase(const std::vector<std::string>& segmented) {
  for (std::size_t i = 1; i < segmented.size(); ++i) {
    const std::string pair = segmented[i - 1] + " " + segmented[i];
    if (std::find(kPhrases.begin(), kPhrases.end(), pair) != kPhrases.end()) return true;
  }
  return false;
}

}  // namespace

bool holds_denied_word(std::string_view text) {
  const auto holds = [text](std::string_view part) {
    return text.find(part) != std::string_view::npos;
  };
  if (std::any_of(kChinese.begin(), kChinese.end(), holds)) return true;
  const std::vector<std::string> segmented = text::segment_words(text);
  return std::any_of(segmented.begin(), segmented.end(), is_denied) || holds_phrase(segmented);
}

std::string without_denied_sentences(std::string_view text) {
  if (!holds_denied_word(text)) return std::string(text);
  std::string kept;
  for (const text::Span& span : text::split_sentences(text)) {
    const std::string_view sentence = text.substr(span.begin, span.end - span.begin);
    if (holds_denied_word(sentence)) continue;
    kept += sentence;
    kept += '\n';
  }
  return kept;
}

}  // namespace kith::persona
