#include "kith/api/embeddings.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <span>
#include <utility>

#include "kith/api/field_reader.h"
#include "kith/base/base64.h"

namespace kith::api {
namespace {

constexpr std::size_t kMaxInputs = 2048;
// Of one input; beyond any model's context.
constexpr std::size_t kMaxTokens = std::size_t{1} << 20;

// The tokens of an array that is not empty; nothing if one is no token.
std::optional<std::vector<std::int32_t>> read_tokens(const base::Json& array) {
  std::vector<std::int32_t> tokens;
  if (array.empty() || array.size() > kMaxTokens) return std::nullopt;
  for (const base::Json& item : array) {
    const bool is_token = item.is_number_unsigned() && item.get<std::uint64_t>() <= INT32_MAX;
    if (!is_token) return std::nullopt;
    tokens.push_back(item.get<std::int32_t>());
  }
  return tokens;
}

// One item of an array of inputs, or an input that stands alone.
void read_input(const base::Json& item, const std::string& name, FieldReader& reader,
                std::vector<EmbeddingInput>& inputs) {
  if (item.is_string()) {
    const auto& text = item.get_ref<const std::string&>();
    if (text.empty()) return reader.fail(name, "must not be an empty text");
    inputs.push_back({text, {}});
  } else if (item.is_array()) {
    auto tokens = read_tokens(item);
    if (!tokens) return reader.fail(name, "must hold 1 to 1048576 token ids", "invalid_type");
    inputs.push_back({{}, *std::move(tokens)});
  } else {
    reader.fail(name,
                std::string("must be a text or an array of token ids, not ") + item.type_name(),
                "invalid_type");
  }
}

void read_inputs(FieldReader& reader, std::vector<EmbeddingInput>& inputs) {
  const base::Json* input = reader.member("input");
  if (input == nullptr) return reader.fail("input", "is required");
  const bool is_one = !input->is_array() || (!input->empty() && input->front().is_number());
  if (is_one) return read_input(*input, "input", reader, inputs);
  if (input->empty() || input->size() > kMaxInputs) {
    return reader.fail("input", "must hold 1 to 2048 texts: " + std::to_string(input->size()));
  }
  for (std::size_t i = 0; i < input->size() && !reader.has_failed(); ++i) {
    read_input((*input)[i], "input[" + std::to_string(i) + "]", reader, inputs);
  }
}

std::string encode_base64(std::span<const float> values) {
  std::string bytes;
  bytes.reserve(values.size() * sizeof(float));
  for (const float value : values) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (unsigned shift = 0; shift < 32; shift += 8) {
      bytes += static_cast<char>((bits >> shift) & 0xFFU);
    }
  }
  return base::encode_base64(bytes);
}

void append_numbers(std::span<const float> values, std::string& out) {
  std::array<char, 32> digits;
  out += '[';
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ',';
    const auto [end, error] =
        std::to_chars(digits.data(), digits.data() + digits.size(), values[i]);
    out.append(digits.data(), end);
  }
  out += ']';
}

}  // namespace

Outcome<EmbeddingsRequest> parse_embeddings_request(std::string_view body) {
  Result<base::Json> json = base::parse_json(body);
  if (!json) {
    return bad_request("the body is not JSON: " + json.error().message, {}, "invalid_json");
  }
  if (!json->is_object()) return bad_request("the body must be a JSON object", {}, "invalid_json");
  EmbeddingsRequest request;
  std::optional<ApiError> failure;
  FieldReader reader(*json, "", failure);
  read_inputs(reader, request.inputs);
  request.model = reader.string("model", 1024).value_or("");
  request.is_base64 = reader.choice("encoding_format", {"float", "base64"}) == "base64";
  if (const auto wanted = reader.integer("dimensions", 1, 65'536)) {
    request.dimensions = static_cast<int>(*wanted);
  }
  request.truncates = reader.boolean("truncate").value_or(false);
  request.user = reader.id("user").value_or("");
  if (failure) return *std::move(failure);
  request.unknown = reader.unread();
  json->erase("user");
  request.upstream_body = base::dump_json(*json);
  return request;
}

std::string embeddings_body(const EmbeddingsAnswer& answer, bool is_base64) {
  const std::size_t num_texts =
      answer.dimensions == 0 ? 0 : answer.vectors.size() / answer.dimensions;
  std::string body = R"({"object":"list","data":[)";
  body.reserve(answer.vectors.size() * 12 + 256);
  for (std::size_t i = 0; i < num_texts; ++i) {
    const auto vector = std::span(answer.vectors).subspan(i * answer.dimensions, answer.dimensions);
    body += i > 0 ? "," : "";
    body += R"({"object":"embedding","index":)" + std::to_string(i) + R"(,"embedding":)";
    if (is_base64) {
      body += '"' + encode_base64(vector) + '"';
    } else {
      append_numbers(vector, body);
    }
    body += '}';
  }
  const std::string tokens = std::to_string(answer.prompt_tokens);
  body += R"(],"model":)" + base::dump_json(base::Json(answer.model));
  body += R"(,"usage":{"prompt_tokens":)" + tokens + R"(,"total_tokens":)" + tokens + "}}";
  return body;
}

}  // namespace kith::api
