// The body of POST /v1/embeddings and its answer: OpenAI's fields, and `truncate` as other servers
// know it. Strict about types and ranges; see docs/formats/http.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kith/api/error.h"

namespace kith::api {

// A text, or the tokens of one. Exactly one of the two is not empty.
struct EmbeddingInput {
  std::string text;
  std::vector<std::int32_t> tokens;
};

struct EmbeddingsRequest {
  std::string model;
  // 1 to 2048.
  std::vector<EmbeddingInput> inputs;
  bool is_base64 = false;         // encoding_format
  std::optional<int> dimensions;  // >= 1
  // Whether texts that are too long are cut; else they are refused.
  bool truncates = false;
  std::string user;

  // The request as an upstream may see it: a JSON object with all members but `user`.
  std::string upstream_body;
  // Members that are not known, by name.
  std::vector<std::string> unknown;
};

// Errors: 400 naming the member in `param`.
Outcome<EmbeddingsRequest> parse_embeddings_request(std::string_view body);

struct EmbeddingsAnswer {
  std::string model;
  std::size_t dimensions = 0;
  // [texts, dimensions], finite.
  std::vector<float> vectors;
  // Special tokens included.
  std::int64_t prompt_tokens = 0;
};

// Vectors as arrays of numbers that read back as the same floats, or as base64 of little-endian
// floats.
std::string embeddings_body(const EmbeddingsAnswer& answer, bool is_base64);

}  // namespace kith::api
