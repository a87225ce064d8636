#include "kith/text/added_tokens.h"

#include <algorithm>
#include <utility>

#include "kith/text/json_fields.h"
#include "kith/text/utf8.h"

namespace kith::text {
namespace {

// Bounds the work of matching at one position.
constexpr std::size_t kMaxContentBytes = 1024;

bool looks_like_control(std::string_view content) {
  if (content.size() >= 4 && content.starts_with("<|") && content.ends_with("|>")) return true;
  for (const std::string_view name : {"tool_call>", "tool_response>", "think>"}) {
    if (content == "<" + std::string(name) || content == "</" + std::string(name)) return true;
  }
  return false;
}

// Start of the code point that ends just before `end`.
std::size_t previous_code_point(std::string_view text, std::size_t end) {
  std::size_t at = end - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) --at;
  return at;
}

bool ends_with_word(std::string_view text, std::size_t end) {
  return end > 0 &&
         is_word_character(decode_code_point(text, previous_code_point(text, end)).value);
}

bool starts_with_word(std::string_view text, std::size_t at) {
  return at < text.size() && is_word_character(decode_code_point(text, at).value);
}

std::size_t whitespace_begin(std::string_view text, std::size_t end, std::size_t floor) {
  while (end > floor) {
    const std::size_t at = previous_code_point(text, end);
    if (at < floor || !is_whitespace(decode_code_point(text, at).value)) break;
    end = at;
  }
  return end;
}

std::size_t whitespace_end(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const DecodedCodePoint step = decode_code_point(text, at);
    if (!is_whitespace(step.value)) break;
    at += step.length;
  }
  return at;
}

}  // namespace

void AddedTokens::Trie::insert(std::string_view text, std::int32_t token) {
  std::uint32_t node = 0;
  is_first_byte[static_cast<unsigned char>(text.front())] = true;
  for (const char c : text) {
    const std::uint64_t key = (std::uint64_t{node} << 8) | static_cast<unsigned char>(c);
    const auto [it, is_new] = edges.try_emplace(key, static_cast<std::uint32_t>(ends.size()));
    if (is_new) ends.push_back(-1);
    node = it->second;
  }
  ends[node] = token;
}

Result<AddedTokens> AddedTokens::from_json(const base::Json& node, const Normalizer& normalizer,
                                           Vocabulary& vocabulary) {
  AddedTokens added;
  if (node.is_null()) return added;
  if (!node.is_array()) return invalid("added_tokens must be an array");
  vocabulary.expect_pieces(node.size());
  for (const auto& entry : node) {
    if (auto status = added.add(entry, normalizer, vocabulary); !status) {
      return std::move(status).error().with_context("added_tokens");
    }
  }
  return added;
}

Status AddedTokens::add(const base::Json& node, const Normalizer& normalizer,
                        Vocabulary& vocabulary) {
  AddedToken token;
  KITH_ASSIGN_OR_RETURN(token.content, require_string(node, "content"));
  // An empty text is nowhere and everywhere; files that hold one mean nothing by it.
  if (token.content.empty()) return {};
  if (token.content.size() > kMaxContentBytes) {
    return invalid("content must be at most 1024 bytes: " + std::to_string(token.content.size()));
  }
  KITH_ASSIGN_OR_RETURN(token.is_special, bool_or(node, "special", false));
  KITH_ASSIGN_OR_RETURN(token.is_single_word, bool_or(node, "single_word", false));
  KITH_ASSIGN_OR_RETURN(token.strips_left, bool_or(node, "lstrip", false));
  KITH_ASSIGN_OR_RETURN(token.strips_right, bool_or(node, "rstrip", false));
  KITH_ASSIGN_OR_RETURN(token.is_normalized, bool_or(node, "normalized", !token.is_special));
  token.is_control = token.is_special || looks_like_control(token.content);
  if (const auto known = vocabulary.find(token.content)) {
    token.id = *known;
  } else {
    KITH_ASSIGN_OR_RETURN(const auto id, base::read_integer(node, "id"));
    if (!id) return invalid("id is missing");
    KITH_RETURN_IF_ERROR(vocabulary.add(token.content, *id));
    token.id = static_cast<TokenId>(*id);
  }
  if (by_id_.contains(token.id)) return {};
  const std::string wanted =
      token.is_normalized ? normalizer.normalize(token.content) : token.content;
  if (!wanted.empty()) {
    (token.is_normalized ? normalized_ : raw_)
        .insert(wanted, static_cast<std::int32_t>(tokens_.size()));
  }
  if (token.is_control) control_.insert(token.content, static_cast<std::int32_t>(tokens_.size()));
  by_id_.emplace(token.id, tokens_.size());
  tokens_.push_back(std::move(token));
  return {};
}

const AddedTokens::Trie& AddedTokens::trie_of(Stage stage) const {
  switch (stage) {
    case Stage::kRaw:
      return raw_;
    case Stage::kNormalized:
      return normalized_;
    case Stage::kControl:
      return control_;
  }
  return raw_;
}

AddedTokens::Match AddedTokens::longest_match(const Trie& trie, std::string_view text,
                                              std::size_t at, bool parses_control) const {
  Match best;
  std::uint32_t node = 0;
  for (std::size_t i = at; i < text.size(); ++i) {
    const auto it =
        trie.edges.find((std::uint64_t{node} << 8) | static_cast<unsigned char>(text[i]));
    if (it == trie.edges.end()) break;
    node = it->second;
    if (trie.ends[node] < 0) continue;
    const AddedToken& token = tokens_[static_cast<std::size_t>(trie.ends[node])];
    if (parses_control || !token.is_control) best = {i + 1 - at, &token};
  }
  return best;
}

void AddedTokens::split(std::string_view text, Stage stage, bool parses_control,
                        std::vector<Segment>& segments) const {
  const Trie& trie = trie_of(stage);
  std::size_t from = 0;
  std::size_t at = trie.edges.empty() ? text.size() : 0;
  while (at < text.size()) {
    if (!trie.is_first_byte[static_cast<unsigned char>(text[at])]) {
      ++at;
      continue;
    }
    const Match match = longest_match(trie, text, at, parses_control);
    if (match.token == nullptr) {
      ++at;
      continue;
    }
    std::size_t begin = at;
    std::size_t end = at + match.length;
    at = end;
    const bool inside_word = ends_with_word(text, begin) || starts_with_word(text, end);
    if (match.token->is_single_word && inside_word) continue;
    if (match.token->strips_left) begin = whitespace_begin(text, begin, from);
    if (match.token->strips_right) end = whitespace_end(text, end);
    if (begin > from) segments.push_back({text.substr(from, begin - from), -1});
    segments.push_back({text.substr(begin, end - begin), match.token->id});
    from = at = end;
  }
  if (from < text.size()) segments.push_back({text.substr(from), -1});
}

const AddedToken* AddedTokens::find(TokenId id) const {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : &tokens_[it->second];
}

bool AddedTokens::is_special(TokenId id) const {
  const AddedToken* token = find(id);
  return token != nullptr && token->is_special;
}

bool AddedTokens::is_control(TokenId id) const {
  const AddedToken* token = find(id);
  return token != nullptr && token->is_control;
}

}  // namespace kith::text
