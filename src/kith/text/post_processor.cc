#include "kith/text/post_processor.h"

#include <utility>

#include "kith/text/json_fields.h"

namespace kith::text {
namespace {

constexpr int kMaxNesting = 16;
constexpr std::size_t kMaxTokens = 64;

Status append_id(const base::Json& id, const Vocabulary& vocabulary, std::vector<TokenId>& ids) {
  const bool is_small = id.is_number_unsigned() && id.get<std::uint64_t>() < Vocabulary::kMaxId;
  if (!is_small || !vocabulary.contains(id.get<TokenId>())) {
    return invalid("post-processor id is not in the vocabulary");
  }
  if (ids.size() >= kMaxTokens) return invalid("post-processor adds more than 64 tokens");
  ids.push_back(id.get<TokenId>());
  return {};
}

Status append_template_token(const base::Json& node, const base::Json& item,
                             const Vocabulary& vocabulary, std::vector<TokenId>& ids) {
  KITH_ASSIGN_OR_RETURN(const std::string name, require_string(member(item, "SpecialToken"), "id"));
  const base::Json& numbers = member(member(member(node, "special_tokens"), name.c_str()), "ids");
  if (!numbers.is_array()) return invalid("special_tokens has no ids for " + quote_name(name));
  for (const auto& id : numbers) KITH_RETURN_IF_ERROR(append_id(id, vocabulary, ids));
  return {};
}

Status add_template(const base::Json& node, const Vocabulary& vocabulary, PostProcessor& out) {
  const base::Json& items = member(node, "single");
  if (!items.is_array()) return invalid("TemplateProcessing.single must be an array");
  std::vector<TokenId> before;
  std::vector<TokenId> after;
  int num_texts = 0;
  for (const auto& item : items) {
    if (member(item, "Sequence").is_object()) {
      ++num_texts;
    } else {
      KITH_RETURN_IF_ERROR(
          append_template_token(node, item, vocabulary, num_texts == 0 ? before : after));
    }
  }
  if (num_texts != 1) {
    return invalid("TemplateProcessing.single must hold the text once: " +
                   std::to_string(num_texts));
  }
  // Processors of a sequence wrap what the earlier ones made.
  out.prefix.insert(out.prefix.begin(), before.begin(), before.end());
  out.suffix.insert(out.suffix.end(), after.begin(), after.end());
  return {};
}

// {"cls": ["<s>", 0], "sep": ["</s>", 2]}
Status add_classifier_pair(const base::Json& node, const Vocabulary& vocabulary,
                           PostProcessor& out) {
  const base::Json& first = member(node, "cls");
  const base::Json& last = member(node, "sep");
  if (!first.is_array() || first.size() != 2 || !last.is_array() || last.size() != 2) {
    return invalid("cls and sep must be [token, id]");
  }
  KITH_RETURN_IF_ERROR(append_id(first[1], vocabulary, out.prefix));
  return append_id(last[1], vocabulary, out.suffix);
}

Status add_processor(const base::Json& node, const Vocabulary& vocabulary, int depth,
                     PostProcessor& out) {
  if (depth > kMaxNesting) return invalid("post-processor is nested too deep");
  KITH_ASSIGN_OR_RETURN(const std::string type, read_type(node));
  if (type == "ByteLevel") return {};
  if (type == "TemplateProcessing") return add_template(node, vocabulary, out);
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    return add_classifier_pair(node, vocabulary, out);
  }
  if (type != "Sequence") {
    return invalid(
        "post-processor must be TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel "
        "or "
        "Sequence: " +
        quote_name(type));
  }
  const base::Json& parts = member(node, "processors");
  if (!parts.is_array()) return invalid("processors must be an array");
  for (const auto& part : parts) {
    KITH_RETURN_IF_ERROR(add_processor(part, vocabulary, depth + 1, out));
  }
  return {};
}

}  // namespace

Result<PostProcessor> parse_post_processor(const base::Json& node, const Vocabulary& vocabulary) {
  PostProcessor out;
  if (!node.is_null()) KITH_RETURN_IF_ERROR(add_processor(node, vocabulary, 0, out));
  return out;
}

}  // namespace kith::text
