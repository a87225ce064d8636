// A schema as JSON: read within limits, references followed, `allOf` merged. Private to grammar.
#pragma once

#include <string>
#include <string_view>

#include "kith/base/json.h"
#include "kith/base/result.h"

namespace kith::grammar {

using Schema = base::OrderedJson;

// "#/a/b: message", with the place cut to a sensible length.
Error schema_error(const std::string& place, const std::string& message);

// Errors: kInvalidArgument if it is no JSON object or boolean, too long, nested too deep, or has an
//   object with too many members.
Result<Schema> parse_schema(std::string_view text);

// Keywords that say nothing about which documents are valid.
bool is_annotation(std::string_view keyword);

// The schema that `reference` names within `root`: "#" or a JSON pointer behind it.
// Errors: kInvalidArgument for other references and for one that leads nowhere.
Result<const Schema*> find_reference(const Schema& root, const std::string& reference,
                                     const std::string& place);

// `schema` with its `$ref` and `allOf` put into it, so that it says all by itself. Constraints of
// one keyword in two parts must be the same; `properties` and `required` are joined. Errors:
// kInvalidArgument where parts cannot be joined.
Result<Schema> merge_parts(const Schema& root, const Schema& schema, const std::string& place);

// Whether no document can satisfy both, as far as can be seen: by type, by constants, or by a
// required property with different constants.
bool are_disjoint(const Schema& root, const Schema& a, const Schema& b);

}  // namespace kith::grammar
