#include "kith/text/pre_tokenizer.h"

#include <algorithm>
#include <utility>

#include "kith/base/check.h"
#include "kith/text/json_fields.h"
#include "kith/text/utf8.h"

namespace kith::text {
namespace {

constexpr int kMaxNesting = 16;

// Runs of code points for which `is_match` holds, or each of them alone.
template <typename Predicate>
void find_code_points(std::string_view text, bool joins_runs, Predicate is_match,
                      std::vector<Span>& matches) {
  for_each_code_point(text, [&](char32_t c, std::size_t offset, std::size_t length) {
    if (!is_match(c)) return;
    if (joins_runs && !matches.empty() && matches.back().end == offset) {
      matches.back().end = offset + length;
    } else {
      matches.push_back({offset, offset + length});
    }
  });
}

bool is_any_punctuation(char32_t c) {
  const bool ascii = (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
                     (c >= '{' && c <= '~');
  return ascii || is_punctuation(c);
}

}  // namespace

const std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

Result<PreTokenizer> PreTokenizer::from_json(const base::Json& node) {
  PreTokenizer pre_tokenizer;
  if (!node.is_null()) KITH_RETURN_IF_ERROR(pre_tokenizer.add_step(node, 0));
  return pre_tokenizer;
}

Result<PreTokenizer::Behavior> PreTokenizer::parse_behavior(const base::Json& node,
                                                            Behavior fallback) {
  KITH_ASSIGN_OR_RETURN(const auto name, base::read_string(node, "behavior"));
  if (!name) return fallback;
  if (*name == "Isolated") return Behavior::kIsolated;
  if (*name == "Removed") return Behavior::kRemoved;
  if (*name == "MergedWithPrevious") return Behavior::kMergedWithPrevious;
  if (*name == "MergedWithNext") return Behavior::kMergedWithNext;
  if (*name == "Contiguous") return Behavior::kContiguous;
  return invalid("split behavior is unknown: " + quote_name(*name));
}

Status PreTokenizer::add_step(const base::Json& node, int depth) {
  if (depth > kMaxNesting) return invalid("pre-tokenizer is nested too deep");
  KITH_ASSIGN_OR_RETURN(const std::string type, read_type(node));
  if (is_byte_level_)
    return invalid("ByteLevel must be the last pre-tokenizer: " + quote_name(type));
  if (type == "Sequence") {
    const base::Json& parts = member(node, "pretokenizers");
    if (!parts.is_array()) return invalid("pretokenizers must be an array");
    for (const auto& part : parts) KITH_RETURN_IF_ERROR(add_step(part, depth + 1));
    return {};
  }
  if (type == "ByteLevel") return add_byte_level(node);
  if (type == "Split") return add_split(node);
  if (type == "Metaspace") return add_metaspace(node);
  if (type == "BertPreTokenizer") {
    add_bert();
    return {};
  }
  return add_simple(type, node);
}

Status PreTokenizer::add_byte_level(const base::Json& node) {
  KITH_ASSIGN_OR_RETURN(const bool prefix, bool_or(node, "add_prefix_space", true));
  KITH_ASSIGN_OR_RETURN(const bool use_regex, bool_or(node, "use_regex", true));
  if (prefix) {
    Step step;
    step.kind = Kind::kPrefix;
    steps_.push_back(std::move(step));
  }
  if (use_regex) {
    Step step;
    KITH_ASSIGN_OR_RETURN(auto regex, Regex::compile(kGpt2Pattern));
    step.pattern.regex = std::make_shared<const Regex>(std::move(regex));
    steps_.push_back(std::move(step));
  }
  is_byte_level_ = true;
  return {};
}

Status PreTokenizer::add_split(const base::Json& node) {
  Step step;
  KITH_ASSIGN_OR_RETURN(step.pattern, parse_text_pattern(member(node, "pattern")));
  KITH_ASSIGN_OR_RETURN(step.behavior, parse_behavior(node, Behavior::kIsolated));
  KITH_ASSIGN_OR_RETURN(step.inverts, bool_or(node, "invert", false));
  steps_.push_back(std::move(step));
  return {};
}

Status PreTokenizer::add_metaspace(const base::Json& node) {
  Step step;
  step.kind = Kind::kMetaspace;
  step.behavior = Behavior::kMergedWithNext;
  KITH_ASSIGN_OR_RETURN(auto replacement, base::read_string(node, "replacement"));
  step.replacement = replacement.value_or("▁");
  if (count_code_points(step.replacement) != 1) {
    return invalid("metaspace replacement must be one character");
  }
  step.pattern.literal = step.replacement;
  KITH_ASSIGN_OR_RETURN(step.splits, bool_or(node, "split", true));
  KITH_ASSIGN_OR_RETURN(const bool prefix, bool_or(node, "add_prefix_space", true));
  KITH_ASSIGN_OR_RETURN(const auto scheme, base::read_string(node, "prepend_scheme"));
  const std::string name = scheme.value_or(prefix ? "always" : "never");
  if (name == "first") {
    step.prepend = PrependScheme::kFirst;
  } else if (name == "never") {
    step.prepend = PrependScheme::kNever;
  } else if (name != "always") {
    return invalid("prepend_scheme must be first, never or always: " + quote_name(name));
  }
  is_metaspace_ = true;
  steps_.push_back(std::move(step));
  return {};
}

// Words between white space, and every punctuation mark for itself.
void PreTokenizer::add_bert() {
  Step space;
  space.kind = Kind::kWhitespace;
  space.behavior = Behavior::kRemoved;
  steps_.push_back(std::move(space));
  Step punctuation;
  punctuation.kind = Kind::kPunctuation;
  punctuation.behavior = Behavior::kIsolated;
  steps_.push_back(std::move(punctuation));
}

Status PreTokenizer::add_simple(const std::string& type, const base::Json& node) {
  Step step;
  if (type == "Digits") {
    step.kind = Kind::kDigits;
    KITH_ASSIGN_OR_RETURN(const bool alone, bool_or(node, "individual_digits", false));
    step.behavior = alone ? Behavior::kIsolated : Behavior::kContiguous;
  } else if (type == "Whitespace") {
    KITH_ASSIGN_OR_RETURN(auto regex, Regex::compile(R"(\w+|[^\w\s]+)"));
    step.pattern.regex = std::make_shared<const Regex>(std::move(regex));
    step.inverts = true;
    step.behavior = Behavior::kRemoved;
  } else if (type == "WhitespaceSplit") {
    step.kind = Kind::kWhitespace;
    step.behavior = Behavior::kRemoved;
  } else if (type == "Punctuation") {
    step.kind = Kind::kPunctuation;
    KITH_ASSIGN_OR_RETURN(step.behavior, parse_behavior(node, Behavior::kIsolated));
  } else {
    return invalid(
        "pre-tokenizer must be ByteLevel, Split, Digits, Metaspace, Whitespace, WhitespaceSplit, "
        "Punctuation, BertPreTokenizer or Sequence: " +
        quote_name(type));
  }
  steps_.push_back(std::move(step));
  return {};
}

void PreTokenizer::find_matches(const Step& step, std::string_view text,
                                std::vector<Span>& matches) {
  const bool joins = step.behavior == Behavior::kContiguous;
  switch (step.kind) {
    case Kind::kDigits:
      return find_code_points(text, joins, is_number, matches);
    case Kind::kWhitespace:
      return find_code_points(text, joins, is_whitespace, matches);
    case Kind::kPunctuation:
      return find_code_points(text, joins, is_any_punctuation, matches);
    case Kind::kSplit:
    case Kind::kMetaspace:
      return step.pattern.find_all(text, matches);
    case Kind::kPrefix:
      return;
  }
}

std::string_view PreTokenizer::rewrite(const Step& step, const Piece& piece, PieceArena& arena) {
  if (step.kind == Kind::kPrefix) {
    if (piece.text.starts_with(' ')) return piece.text;
    return arena.emplace_back(" " + std::string(piece.text));
  }
  if (step.kind != Kind::kMetaspace) return piece.text;
  const TextPattern space{" ", nullptr};
  std::string text = space.replace_all(piece.text, step.replacement);
  const bool prepends = step.prepend == PrependScheme::kAlways ||
                        (step.prepend == PrependScheme::kFirst && piece.at_start);
  if (prepends && !text.starts_with(step.replacement)) text.insert(0, step.replacement);
  return arena.emplace_back(std::move(text));
}

bool PreTokenizer::joins_last(Behavior behavior, bool is_match, bool previous_was_match) {
  switch (behavior) {
    case Behavior::kMergedWithPrevious:
      return is_match && !previous_was_match;
    case Behavior::kMergedWithNext:
      return !is_match && previous_was_match;
    case Behavior::kContiguous:
      return is_match == previous_was_match;
    case Behavior::kIsolated:
    case Behavior::kRemoved:
      return false;
  }
  return false;
}

void PreTokenizer::cut(const Step& step, const Piece& piece, std::vector<Span>& scratch,
                       std::vector<Piece>& out) {
  const std::string_view text = piece.text;
  scratch.clear();
  find_matches(step, text, scratch);
  std::size_t from = 0;
  const std::size_t first = out.size();
  bool previous_was_match = false;
  const auto visit = [&](std::size_t begin, std::size_t end, bool is_match) {
    if (begin == end) return;
    const bool extends = joins_last(step.behavior, is_match, previous_was_match);
    previous_was_match = is_match;
    if (step.behavior == Behavior::kRemoved && is_match) return;
    if (extends && out.size() > first) {
      std::string_view& last = out.back().text;
      last = text.substr(static_cast<std::size_t>(last.data() - text.data()),
                         last.size() + (end - begin));
    } else {
      out.push_back({text.substr(begin, end - begin), piece.at_start && begin == 0});
    }
  };
  for (const Span match : scratch) {
    visit(from, match.begin, step.inverts);
    visit(match.begin, match.end, !step.inverts);
    from = match.end;
  }
  visit(from, text.size(), step.inverts);
}

std::vector<Piece> PreTokenizer::split(std::string_view text, bool at_start,
                                       PieceArena& arena) const {
  std::vector<Piece> pieces;
  if (!text.empty()) pieces.push_back({text, at_start});
  std::vector<Piece> next;
  std::vector<Span> scratch;
  for (const Step& step : steps_) {
    next.clear();
    for (Piece piece : pieces) {
      piece.text = rewrite(step, piece, arena);
      if (step.kind == Kind::kPrefix || (step.kind == Kind::kMetaspace && !step.splits)) {
        next.push_back(piece);
      } else {
        cut(step, piece, scratch, next);
      }
    }
    pieces.swap(next);
  }
  return pieces;
}

std::vector<std::string_view> pre_tokenize(std::string_view text) {
  static const Regex kPattern = [] {
    auto regex = Regex::compile(kGpt2Pattern);
    KITH_CHECK(regex.has_value(), "the built-in pattern compiles");
    return std::move(*regex);
  }();
  std::vector<Span> matches;
  kPattern.find_all(text, matches);
  std::vector<std::string_view> pieces;
  pieces.reserve(matches.size());
  for (const Span match : matches) pieces.push_back(text.substr(match.begin, match.size()));
  return pieces;
}

}  // namespace kith::text
