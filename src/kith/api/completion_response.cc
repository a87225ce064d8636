#include "kith/api/completion_response.h"

#include "kith/api/field_reader.h"
#include "kith/base/json.h"

namespace kith::api {
namespace {

using Json = base::OrderedJson;

// A part of a character is no text: OpenAI's servers write its bytes.
std::string shown(const std::string& bytes) {
  if (is_valid_utf8(bytes)) return bytes;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "bytes:";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += "\\x";
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15U];
  }
  return text;
}

Json logprobs_json(const CompletionChoice& choice) {
  if (!choice.tokens) return nullptr;
  Json tokens = Json::array();
  Json logprobs = Json::array();
  Json tops = Json::array();
  Json offsets = Json::array();
  for (const CompletionToken& token : *choice.tokens) {
    tokens.push_back(shown(token.bytes));
    logprobs.push_back(token.logprob ? Json(*token.logprob) : Json(nullptr));
    Json top = Json::object();
    // Of two tokens that are written alike the more likely one, which comes first, stays.
    for (const auto& [bytes, logprob] : token.top) top.emplace(shown(bytes), logprob);
    tops.push_back(token.logprob ? std::move(top) : Json(nullptr));
    offsets.push_back(token.offset);
  }
  return Json{{"tokens", std::move(tokens)},
              {"token_logprobs", std::move(logprobs)},
              {"top_logprobs", std::move(tops)},
              {"text_offset", std::move(offsets)}};
}

Json choice_json(std::size_t index, const CompletionChoice& choice, Json finish_reason) {
  Json json = Json::object();
  json["index"] = index;
  json["text"] = choice.text;
  json["logprobs"] = logprobs_json(choice);
  json["finish_reason"] = std::move(finish_reason);
  return json;
}

Json usage_json(const Completion& completion) {
  return Json{{"prompt_tokens", completion.prompt_tokens},
              {"completion_tokens", completion.completion_tokens},
              {"total_tokens", completion.prompt_tokens + completion.completion_tokens},
              {"prompt_tokens_details", {{"cached_tokens", completion.cached_tokens}}}};
}

Json head_json(const std::string& id, std::int64_t created, const std::string& model) {
  return Json{{"id", id},
              {"object", "text_completion"},
              {"created", created},
              {"model", model},
              {"choices", Json::array()}};
}

}  // namespace

std::string completion_body(const Completion& completion) {
  Json body = head_json(completion.id, completion.created, completion.model);
  for (std::size_t i = 0; i < completion.choices.size(); ++i) {
    const CompletionChoice& choice = completion.choices[i];
    body["choices"].push_back(choice_json(i, choice, choice.finish_reason));
  }
  body["usage"] = usage_json(completion);
  return base::dump_json(body);
}

CompletionChunkWriter::CompletionChunkWriter(const Completion& head, bool wants_usage)
    : id_(head.id), created_(head.created), model_(head.model), wants_usage_(wants_usage) {}

std::string CompletionChunkWriter::piece(int index, const CompletionChoice& piece) const {
  Json body = head_json(id_, created_, model_);
  body["choices"].push_back(choice_json(static_cast<std::size_t>(index), piece, nullptr));
  if (wants_usage_) body["usage"] = nullptr;
  return base::dump_json(body);
}

std::string CompletionChunkWriter::finish(int index, const CompletionChoice& choice) const {
  CompletionChoice end;
  // A choice that shows no token has had no other chunk to say that they were asked for.
  if (choice.tokens && choice.tokens->empty()) end.tokens.emplace();
  Json body = head_json(id_, created_, model_);
  body["choices"].push_back(
      choice_json(static_cast<std::size_t>(index), end, choice.finish_reason));
  if (wants_usage_) body["usage"] = nullptr;
  return base::dump_json(body);
}

std::string CompletionChunkWriter::usage(const Completion& completion) const {
  Json body = head_json(id_, created_, model_);
  body["usage"] = usage_json(completion);
  return base::dump_json(body);
}

}  // namespace kith::api
