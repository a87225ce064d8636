// What an answer must look like: OpenAI's `response_format`, and the members that users of vLLM and
// llama-server send for the same. Internal to api, but for the type.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kith::api {

class FieldReader;

struct OutputFormat {
  enum class Kind : std::uint8_t { kText, kJsonObject, kJsonSchema, kChoice };

  Kind kind = Kind::kText;
  // kJsonSchema: the schema as it was written (JSON).
  std::string schema;
  // kChoice: the answer is one of these.
  std::vector<std::string> choices;
  // The member that asked for it, for messages; empty if none did.
  std::string member;
  // That member asks for something that only an upstream may know.
  bool is_upstream_only = false;
};

// Reads `response_format`, `guided_json`, `guided_choice` and `structured_outputs`, at most one of
// which may ask for something. `body` is the text that `reader` reads.
OutputFormat read_output_format(FieldReader& reader, std::string_view body);

}  // namespace kith::api
