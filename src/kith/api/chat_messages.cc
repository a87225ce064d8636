#include "kith/api/chat_messages.h"

namespace kith::api {
namespace {

// Joins the text parts; other parts are for upstreams, which get the message as sent.
void read_parts(const base::Json& parts, const std::string& path, ChatMessage& message,
                ChatCompletionRequest& request, std::optional<ApiError>& failure) {
  for (std::size_t i = 0; i < parts.size() && !failure; ++i) {
    const std::string name = path + "content[" + std::to_string(i) + "]";
    if (!parts[i].is_object()) {
      failure = bad_request(name + " must be an object", name, "invalid_type");
      return;
    }
    FieldReader reader(parts[i], name + ".", failure);
    const std::string type = reader.string("type").value_or("");
    if (type == "text" || type == "refusal") {
      const std::optional<std::string> text = reader.string(type.c_str());
      if (!text) reader.fail(type, "is required");
      if (failure) return;
      if (!message.content.empty()) message.content += '\n';
      message.content += *text;
    } else if (type.empty()) {
      reader.fail("type", "is required");
    } else {
      request.upstream_only.push_back(name + "." + type);
    }
  }
}

void read_content(FieldReader& reader, const std::string& path, ChatMessage& message,
                  ChatCompletionRequest& request, std::optional<ApiError>& failure) {
  const base::Json* content = reader.member("content");
  if (content == nullptr) {
    if (message.role != "assistant" && message.role != "function") {
      reader.fail("content", "is required");
    }
    return;
  }
  if (content->is_string()) {
    message.content = content->get<std::string>();
  } else if (content->is_array()) {
    read_parts(*content, path, message, request, failure);
  } else {
    reader.fail("content", "must be a string or an array of parts", "invalid_type");
  }
}

bool says_all(const base::Json& message) {
  if (message.contains("content") && !message["content"].is_string()) return false;
  for (const auto& [key, value] : message.items()) {
    if (key != "role" && key != "content" && !value.is_null()) return false;
  }
  return true;
}

ChatMessage read_message(const base::Json& json, const std::string& path,
                         ChatCompletionRequest& request, std::optional<ApiError>& failure) {
  ChatMessage message;
  FieldReader reader(json, path, failure);
  message.role =
      reader.choice("role", {"system", "developer", "user", "assistant", "tool", "function"})
          .value_or("");
  if (message.role.empty()) reader.fail("role", "is required");
  read_content(reader, path, message, request, failure);
  for (const char* key : {"tool_calls", "function_call", "audio"}) {
    const base::Json* member = reader.member(key);
    if (member != nullptr && !member->empty()) request.upstream_only.push_back(path + key);
  }
  if (message.role == "tool" || message.role == "function") {
    request.upstream_only.push_back(path + "role");
  }
  reader.string("name");
  if (!failure && !says_all(json)) message.raw = base::dump_json(json);
  return message;
}

}  // namespace

void read_messages(const base::Json& messages, ChatCompletionRequest& request,
                   std::optional<ApiError>& failure) {
  if (messages.empty()) {
    failure = bad_request("messages must not be empty", "messages");
    return;
  }
  for (std::size_t i = 0; i < messages.size() && !failure; ++i) {
    const std::string name = "messages[" + std::to_string(i) + "]";
    if (!messages[i].is_object()) {
      failure = bad_request(name + " must be an object", name, "invalid_type");
      return;
    }
    request.messages.push_back(read_message(messages[i], name + ".", request, failure));
  }
}

}  // namespace kith::api
