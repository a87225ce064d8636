#include "kith/personalize/composer.h"

#include <algorithm>

#include "kith/base/json.h"
#include "kith/text/utf8.h"

namespace kith::personalize {
namespace {

// Tokens that a chat template puts around each message, at most.
constexpr std::size_t kMessageOverhead = 8;
constexpr std::size_t kMaxTitleBytes = 70;
constexpr std::size_t kMaxFullTitleBytes = 100;
constexpr std::size_t kMaxQuestionBytes = 160;
constexpr std::size_t kMaxAnswerBytes = 240;

bool is_system(const Message& message) {
  return message.role == "system" || message.role == "developer";
}

std::string to_one_line(std::string_view text, std::size_t max_bytes) {
  std::string line;
  for (const char c : text::truncate_utf8(text, max_bytes)) {
    const bool is_space = c == '\n' || c == '\r' || c == '\t' || c == ' ';
    if (is_space && (line.empty() || line.back() == ' ')) continue;
    line.push_back(is_space ? ' ' : c);
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

// The client's system message with other words, its further members kept.
Message with_content(const Message& message, const std::string& content) {
  Message changed = message;
  changed.content = content;
  if (message.raw.empty()) return changed;
  auto raw = base::parse_json(message.raw);
  if (!raw || !raw->is_object()) {
    changed.raw.clear();
    return changed;
  }
  (*raw)["content"] = content;
  changed.raw = base::dump_json(*raw);
  return changed;
}

std::string about_user(const std::string& style, std::span<const std::string> history) {
  std::string text = style;
  for (const std::string& line : history) {
    if (!text.empty()) text += '\n';
    text += line;
  }
  return text;
}

std::string passage_block(const memory::Passage& passage) {
  return "[1] " + passage_title(passage) + "\n" + passage.text + "\n";
}

// Hands out the tokens that the client's messages leave.
class Room {
 public:
  Room(std::span<const Message> messages, const Ingredients& ingredients,
       const PromptLimits& limits, TokenCounter& counter)
      : counter_(counter) {
    std::size_t used = limits.answer + kMessageOverhead;
    for (const Message& message : messages) {
      used += (is_system(message) ? counter.count_recurring(message.content)
                                  : counter.count(message.content)) +
              kMessageOverhead;
    }
    if (messages.empty() || !is_system(messages.front())) {
      used += counter.count_recurring(ingredients.default_system) + kMessageOverhead;
    }
    // The three headings of Kith's block.
    used += 24;
    left_ = limits.context > used ? limits.context - used : 0;
  }

  // Tokens taken, or 0 if the text does not fit into the room or into `share`, which it lessens.
  std::size_t take(std::string_view text, std::size_t& share) {
    return take_tokens(counter_.count(text) + 1, share);
  }
  std::size_t take_recurring(std::string_view text, std::size_t& share) {
    return take_tokens(counter_.count_recurring(text) + 1, share);
  }

  std::size_t left() const { return left_; }

 private:
  std::size_t take_tokens(std::size_t tokens, std::size_t& share) {
    if (tokens > left_ || tokens > share) return 0;
    left_ -= tokens;
    share -= tokens;
    return tokens;
  }

  TokenCounter& counter_;
  std::size_t left_ = 0;
};

}  // namespace

std::string passage_title(const memory::Passage& passage) {
  std::string title = to_one_line(passage.title, kMaxTitleBytes);
  std::string heading = to_one_line(passage.heading, kMaxFullTitleBytes);
  if (heading.empty() || heading == title || heading.size() > kMaxTitleBytes) return title;
  if (title.empty()) return heading;
  return std::string(text::truncate_utf8(title + ": " + heading, kMaxFullTitleBytes));
}

std::optional<memory::ExtractiveAnswer> find_evidence(std::string_view query,
                                                      std::span<const memory::Passage> passages,
                                                      double min_coverage) {
  auto found = memory::extract_answer(query, passages);
  if (found && found->coverage < min_coverage) found.reset();
  return found;
}

std::string describe_exchange(std::string_view question, std::string_view answer) {
  std::string line = "Asked earlier: " + to_one_line(question, kMaxQuestionBytes);
  if (!answer.empty()) line += " Answered: " + to_one_line(answer, kMaxAnswerBytes);
  return line;
}

std::string render_system(std::string_view head, std::string_view about,
                          std::span<const memory::Passage> passages, std::string_view evidence) {
  std::string text(head);
  const auto add_block = [&text](const std::string& block) {
    if (!text.empty()) text += "\n\n";
    text += block;
  };
  if (!about.empty()) add_block("## About the user\n" + std::string(about));
  if (passages.empty()) return text;
  std::string documents = "## Documents";
  for (std::size_t i = 0; i < passages.size(); ++i) {
    documents +=
        "\n[" + std::to_string(i + 1) + "] " + passage_title(passages[i]) + "\n" + passages[i].text;
  }
  add_block(documents);
  if (!evidence.empty()) add_block("## Evidence\n" + std::string(evidence));
  return text;
}

Prompt compose(std::span<const Message> messages, const Ingredients& ingredients,
               const PromptLimits& limits, TokenCounter& counter) {
  Prompt prompt;
  Room room(messages, ingredients, limits, counter);
  std::size_t style_share = room.left();
  if (!ingredients.style.empty()) {
    prompt.style_tokens = room.take_recurring(ingredients.style, style_share);
    prompt.has_style = prompt.style_tokens > 0;
  }
  std::size_t history_share = limits.history;
  for (const std::string& line : ingredients.history) {
    const std::size_t tokens = room.take(line, history_share);
    prompt.history_tokens += tokens;
    if (tokens > 0) prompt.history.push_back(line);
  }
  std::size_t passage_share = limits.passages;
  for (const memory::Passage& passage : ingredients.passages) {
    const std::size_t tokens = room.take_recurring(passage_block(passage), passage_share);
    prompt.passage_tokens += tokens;
    if (tokens > 0) prompt.passages.push_back(passage);
  }
  if (ingredients.extract && prompt.passages.size() == ingredients.passages.size()) {
    const bool is_good = ingredients.extract->coverage >= ingredients.min_evidence_coverage;
    if (is_good) prompt.evidence = ingredients.extract;
  } else {
    prompt.evidence =
        find_evidence(ingredients.query, prompt.passages, ingredients.min_evidence_coverage);
  }
  if (prompt.evidence && ingredients.names_evidence) {
    prompt.evidence_tokens = room.take(prompt.evidence->text, passage_share);
  }

  const bool has_system = !messages.empty() && is_system(messages.front());
  const std::string head = has_system ? messages.front().content : ingredients.default_system;
  const std::string content =
      render_system(head, about_user(prompt.has_style ? ingredients.style : "", prompt.history),
                    prompt.passages, prompt.evidence_tokens > 0 ? prompt.evidence->text : "");
  if (has_system) {
    const bool is_same = content == head;
    prompt.messages.push_back(is_same ? messages.front() : with_content(messages.front(), content));
  } else if (!content.empty()) {
    prompt.messages.push_back({"system", content, ""});
  }
  const auto rest = messages.subspan(has_system ? 1 : 0);
  prompt.messages.insert(prompt.messages.end(), rest.begin(), rest.end());
  return prompt;
}

}  // namespace kith::personalize
