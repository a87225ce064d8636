#include "kith/personalize/escalation.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace kith::personalize {
namespace {

constexpr std::array<std::string_view, 3> kSpeakWords = {"speak", "talk", "chat"};
constexpr std::array<std::string_view, 2> kToWords = {"to", "with"};
constexpr std::array<std::string_view, 9> kPeople = {"someone",     "somebody", "a person",
                                                     "a human",     "a real",   "an agent",
                                                     "a colleague", "the desk", "anyone"};
constexpr std::array<std::string_view, 15> kRequests = {
    "real person",    "human agent",   "live agent",     "real human",      "put me through",
    "transfer me to", "escalate this", "call me back",   "someone call me", "somebody call me",
    "who can i call", "who do i call", "whom do i call", "whom can i call", "get me a person"};
constexpr std::array<std::string_view, 8> kHanRequests = {
    "转人工", "人工客服", "人工服务", "找真人", "真人客服", "和真人", "跟真人", "打电话给谁"};

// " in lower case, words apart by one space "
std::string to_words(std::string_view message) {
  std::string words = " ";
  for (const char c : message) {
    const char letter = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool is_letter = (letter >= 'a' && letter <= 'z') || letter == '\'';
    if (is_letter) words.push_back(letter);
    if (!is_letter && words.back() != ' ') words.push_back(' ');
  }
  if (words.back() != ' ') words.push_back(' ');
  return words;
}

bool has_words(const std::string& words, std::string_view phrase) {
  return words.find(" " + std::string(phrase) + " ") != std::string::npos;
}

bool asks_to_speak(const std::string& words) {
  for (const std::string_view speak : kSpeakWords) {
    for (const std::string_view to : kToWords) {
      for (const std::string_view people : kPeople) {
        std::string phrase(speak);
        phrase.append(" ").append(to).append(" ").append(people);
        if (has_words(words, phrase)) return true;
      }
    }
  }
  return false;
}

std::string sentence_of(const persona::Escalation& target, const EscalationStyle& style) {
  const bool is_chinese = style.language == "zh";
  std::string text;
  if (is_chinese) {
    text = (style.is_short ? "" : "如需人工协助，请联系") + target.name + "：" + target.channel;
    if (!target.hours.empty()) text += "（" + target.hours + "）";
    return text + "。";
  }
  text = (style.is_short ? "Call " : "To speak to a person, contact ") + target.name + ": " +
         target.channel;
  if (!target.hours.empty()) text += " (" + target.hours + ")";
  return text + ".";
}

// The number of the last line's step; 0 if it is none.
int last_step(std::string_view answer) {
  const std::size_t begin = answer.rfind('\n');
  const std::string_view line = begin == std::string_view::npos ? answer : answer.substr(begin + 1);
  int number = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
  const auto rest = line.substr(static_cast<std::size_t>(end - line.data()));
  return error == std::errc() && rest.starts_with(". ") ? number : 0;
}

bool ends_in_dash(std::string_view answer) {
  const std::size_t begin = answer.rfind('\n');
  return (begin == std::string_view::npos ? answer : answer.substr(begin + 1)).starts_with("- ");
}

}  // namespace

bool asks_for_person(std::string_view message) {
  const std::string words = to_words(message);
  if (asks_to_speak(words)) return true;
  if (std::any_of(kRequests.begin(), kRequests.end(),
                  [&words](std::string_view phrase) { return has_words(words, phrase); })) {
    return true;
  }
  return std::any_of(kHanRequests.begin(), kHanRequests.end(), [message](std::string_view phrase) {
    return message.find(phrase) != std::string_view::npos;
  });
}

std::string render_escalation(const persona::Escalation& target, const EscalationStyle& style,
                              std::string_view answer) {
  const std::string sentence = sentence_of(target, style);
  if (answer.empty()) return sentence;
  if (style.layout == Layout::kNumbered && last_step(answer) > 0) {
    return "\n" + std::to_string(last_step(answer) + 1) + ". " + sentence;
  }
  if (style.layout == Layout::kDashes && ends_in_dash(answer)) return "\n- " + sentence;
  if (answer.ends_with('\n')) return sentence;
  return (style.language == "zh" ? "" : " ") + sentence;
}

}  // namespace kith::personalize
