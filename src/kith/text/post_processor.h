// The "post_processor" of a tokenizer.json, for one text: tokens before it and tokens after it.
//
// Supported: TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel (adds nothing) and
// Sequence of these.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "kith/base/result.h"
#include "kith/text/token.h"
#include "kith/text/vocabulary.h"

namespace kith::text {

struct PostProcessor {
  std::vector<TokenId> prefix;
  std::vector<TokenId> suffix;
};

// A null node adds nothing.
// Errors: kInvalidArgument naming an unsupported type, an id that `vocabulary` lacks, or a template
//   without exactly one place for the text.
Result<PostProcessor> parse_post_processor(const nlohmann::json& node,
                                           const Vocabulary& vocabulary);

}  // namespace kith::text
