#include "kith/text/normalizer.h"

#include <optional>
#include <utility>

#include "kith/text/json_fields.h"
#include "kith/text/utf8.h"

namespace kith::text {
namespace {

constexpr int kMaxNesting = 16;

std::optional<NormalForm> form_named(std::string_view type) {
  if (type == "NFC") return NormalForm::kNfc;
  if (type == "NFD") return NormalForm::kNfd;
  if (type == "NFKC") return NormalForm::kNfkc;
  if (type == "NFKD") return NormalForm::kNfkd;
  return std::nullopt;
}

// What BERT takes away: NUL, U+FFFD, and control and format characters other than line breaks and
// tabs.
bool is_dirt(char32_t c) {
  if (c == '\t' || c == '\n' || c == '\r') return false;
  return c == kReplacementCharacter || is_other(c);
}

std::string clean(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for_each_code_point(text, [&out](char32_t c, std::size_t, std::size_t) {
    if (is_dirt(c)) return;
    append_utf8(out, is_whitespace(c) ? U' ' : c);
  });
  return out;
}

// The blocks that BERT was trained with. The last but two begins at U+2B920, where the block begins
// at U+2B820: a slip of the original that the vocabularies depend on.
bool is_bert_han(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

std::string space_han(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for_each_code_point(text, [&](char32_t c, std::size_t offset, std::size_t length) {
    const bool is_han = is_bert_han(c);
    if (is_han) out += ' ';
    out += text.substr(offset, length);
    if (is_han) out += ' ';
  });
  return out;
}

std::string strip_accents(std::string_view text) {
  const std::string apart = normalize(text, NormalForm::kNfd);
  std::string out;
  out.reserve(apart.size());
  for_each_code_point(apart, [&](char32_t c, std::size_t offset, std::size_t length) {
    if (!is_nonspacing_mark(c)) out += std::string_view(apart).substr(offset, length);
  });
  return out;
}

std::string strip(std::string_view text, bool left, bool right) {
  std::size_t begin = text.size();
  std::size_t end = 0;
  for_each_code_point(text, [&](char32_t c, std::size_t offset, std::size_t length) {
    if (is_whitespace(c)) return;
    if (begin == text.size()) begin = offset;
    end = offset + length;
  });
  if (!left) begin = 0;
  if (!right) end = text.size();
  return begin >= end ? std::string() : std::string(text.substr(begin, end - begin));
}

}  // namespace

void TextPattern::find_all(std::string_view text, std::vector<Span>& matches) const {
  if (regex) {
    regex->find_all(text, matches);
    return;
  }
  if (literal.empty()) return;
  for (std::size_t at = text.find(literal); at != std::string_view::npos;
       at = text.find(literal, at + literal.size())) {
    matches.push_back({at, at + literal.size()});
  }
}

std::string TextPattern::replace_all(std::string_view text, std::string_view content) const {
  std::vector<Span> matches;
  find_all(text, matches);
  std::string out;
  out.reserve(text.size() + matches.size() * content.size());
  std::size_t from = 0;
  for (const Span match : matches) {
    out.append(text.substr(from, match.begin - from)).append(content);
    from = match.end;
  }
  return out.append(text.substr(from));
}

Result<TextPattern> parse_text_pattern(const base::Json& node) {
  KITH_ASSIGN_OR_RETURN(auto literal, base::read_string(node, "String"));
  if (literal) return TextPattern{std::move(*literal), nullptr};
  KITH_ASSIGN_OR_RETURN(const auto expression, base::read_string(node, "Regex"));
  if (!expression) return invalid("pattern must be {\"String\": ..} or {\"Regex\": ..}");
  KITH_ASSIGN_OR_RETURN(auto regex, Regex::compile(*expression));
  return TextPattern{{}, std::make_shared<const Regex>(std::move(regex))};
}

Result<Normalizer> Normalizer::from_json(const base::Json& node) {
  Normalizer normalizer;
  if (!node.is_null()) KITH_RETURN_IF_ERROR(normalizer.add_step(node, 0));
  return normalizer;
}

Status Normalizer::add_step(const base::Json& node, int depth) {
  if (depth > kMaxNesting) return invalid("normalizer is nested too deep");
  KITH_ASSIGN_OR_RETURN(const std::string type, read_type(node));
  if (type == "Sequence") {
    const base::Json& parts = member(node, "normalizers");
    if (!parts.is_array()) return invalid("normalizers must be an array");
    for (const auto& part : parts) KITH_RETURN_IF_ERROR(add_step(part, depth + 1));
    return {};
  }
  if (type == "BertNormalizer") return add_bert(node);
  Step step;
  if (const auto form = form_named(type)) {
    step.form = *form;
  } else if (type == "Lowercase") {
    step.kind = Kind::kLowercase;
  } else if (type == "Replace") {
    step.kind = Kind::kReplace;
    KITH_ASSIGN_OR_RETURN(step.pattern, parse_text_pattern(member(node, "pattern")));
    KITH_ASSIGN_OR_RETURN(step.content, require_string(node, "content"));
  } else if (type == "Prepend") {
    step.kind = Kind::kPrepend;
    KITH_ASSIGN_OR_RETURN(step.content, require_string(node, "prepend"));
  } else if (type == "Strip") {
    step.kind = Kind::kStrip;
    KITH_ASSIGN_OR_RETURN(step.strips_left, bool_or(node, "strip_left", true));
    KITH_ASSIGN_OR_RETURN(step.strips_right, bool_or(node, "strip_right", true));
  } else {
    return invalid(
        "normalizer must be NFC, NFD, NFKC, NFKD, Lowercase, Replace, Prepend, Strip, "
        "BertNormalizer or Sequence: " +
        quote_name(type));
  }
  steps_.push_back(std::move(step));
  return {};
}

Status Normalizer::add_bert(const base::Json& node) {
  Step step;
  step.kind = Kind::kBert;
  KITH_ASSIGN_OR_RETURN(step.bert.cleans, bool_or(node, "clean_text", true));
  KITH_ASSIGN_OR_RETURN(step.bert.spaces_han, bool_or(node, "handle_chinese_chars", true));
  KITH_ASSIGN_OR_RETURN(step.bert.lowercases, bool_or(node, "lowercase", true));
  KITH_ASSIGN_OR_RETURN(step.bert.strips_accents,
                        bool_or(node, "strip_accents", step.bert.lowercases));
  steps_.push_back(std::move(step));
  return {};
}

std::string Normalizer::apply_bert(const BertOptions& options, std::string text) {
  if (options.cleans) text = clean(text);
  if (options.spaces_han) text = space_han(text);
  if (options.strips_accents) text = strip_accents(text);
  if (options.lowercases) text = to_lower(text);
  return text;
}

std::string Normalizer::apply(const Step& step, std::string text) {
  switch (step.kind) {
    case Kind::kForm:
      return text::normalize(text, step.form);
    case Kind::kLowercase:
      return to_lower(text);
    case Kind::kReplace:
      return step.pattern.replace_all(text, step.content);
    case Kind::kPrepend:
      return text.empty() ? text : step.content + text;
    case Kind::kStrip:
      return strip(text, step.strips_left, step.strips_right);
    case Kind::kBert:
      return apply_bert(step.bert, std::move(text));
  }
  return text;
}

std::string Normalizer::normalize(std::string_view text) const {
  std::string out(text);
  for (const Step& step : steps_) out = apply(step, std::move(out));
  return out;
}

}  // namespace kith::text
