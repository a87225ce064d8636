#include "kith/text/chat_template.h"

#include <algorithm>
#include <utility>

#include "kith/base/file.h"
#include "kith/text/chat_formats.h"
#include "kith/text/json_fields.h"
#include "kith/text/unicode.h"
#include "kith/text/utf8.h"

namespace kith::text {
namespace {

constexpr std::size_t kMaxTemplateBytes = std::size_t{16} << 20;
constexpr std::size_t kMaxRoleLength = 32;

bool is_valid_role(std::string_view role) {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !role.empty() && role.size() <= kMaxRoleLength &&
         std::all_of(role.begin(), role.end(), is_allowed);
}

std::string with_role(std::string_view text, std::string_view role) {
  constexpr std::string_view kPlaceholder = "{role}";
  std::string out(text);
  for (auto at = out.find(kPlaceholder); at != std::string::npos;
       at = out.find(kPlaceholder, at + role.size())) {
    out.replace(at, kPlaceholder.size(), role);
  }
  return out;
}

std::string_view trim(std::string_view text) {
  std::size_t begin = text.size();
  std::size_t end = 0;
  for_each_code_point(text, [&](char32_t c, std::size_t offset, std::size_t length) {
    if (is_whitespace(c)) return;
    begin = std::min(begin, offset);
    end = offset + length;
  });
  return begin < end ? text.substr(begin, end - begin) : std::string_view();
}

// "chat_template" is a text, or a list of {"name", "template"} in which "default" counts.
std::string template_in(const base::Json& config) {
  const base::Json& value = member(config, "chat_template");
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return {};
  for (const auto& entry : value) {
    const base::Json& text = member(entry, "template");
    if (member(entry, "name") == "default" && text.is_string()) return text.get<std::string>();
  }
  return {};
}

// Empty if the directory holds none.
Result<std::string> read_template(const std::filesystem::path& directory) {
  auto jinja = base::read_file(directory / "chat_template.jinja", kMaxTemplateBytes);
  if (jinja || jinja.error().code != ErrorCode::kNotFound) return jinja;
  auto text = base::read_file(directory / "tokenizer_config.json", kMaxTemplateBytes);
  if (!text && text.error().code == ErrorCode::kNotFound) return std::string();
  if (!text) return text;
  KITH_ASSIGN_OR_RETURN(const base::Json config, base::parse_json(*text));
  return template_in(config);
}

std::string joined_names() {
  std::string out;
  for (const std::string& name : chat_format_names()) out += (out.empty() ? "" : ", ") + name;
  return out;
}

}  // namespace

std::vector<std::string> chat_format_names() {
  std::vector<std::string> names;
  for (const ChatFormat& format : built_in_chat_formats()) names.push_back(format.name);
  return names;
}

Result<ChatTemplate> ChatTemplate::named(std::string_view name) {
  const ChatFormat* format = find_chat_format(name);
  if (format == nullptr) {
    return Error{ErrorCode::kNotFound,
                 "chat template must be one of " + joined_names() + ": " + quote_name(name)};
  }
  return ChatTemplate(*format);
}

Result<ChatTemplate> ChatTemplate::recognize(std::string_view jinja) {
  const auto holds = [jinja](std::string_view text) {
    return jinja.find(text) != std::string_view::npos;
  };
  for (const ChatMarkers& markers : chat_markers()) {
    if (!std::all_of(markers.texts.begin(), markers.texts.end(), holds)) continue;
    ChatFormat format = *find_chat_format(markers.format);
    format.adds_bos = format.adds_bos || holds("bos_token");
    return ChatTemplate(std::move(format));
  }
  return Error{ErrorCode::kInvalidArgument,
               "the model's chat template is of no known family; name one of " + joined_names()};
}

Result<ChatTemplate> ChatTemplate::load(const std::filesystem::path& directory,
                                        const Tokenizer& tokenizer) {
  auto jinja = read_template(directory);
  if (!jinja) return std::move(jinja).error().with_context("chat template");
  if (!jinja->empty()) return recognize(*jinja);
  for (const ChatMarkers& markers : chat_markers()) {
    const auto is_token = [&tokenizer](std::string_view text) {
      const auto id = tokenizer.token_to_id(text);
      return id && tokenizer.is_control(*id);
    };
    if (std::all_of(markers.texts.begin(), markers.texts.end(), is_token)) {
      return named(markers.format);
    }
  }
  return named("plain");
}

const ChatFrame& ChatTemplate::frame_of(std::string_view role) const {
  if (role == "system") return format_.system;
  if (role == "user") return format_.user;
  if (role == "assistant") return format_.assistant;
  const bool has_other = !format_.other.prefix.empty() || !format_.other.suffix.empty();
  return has_other ? format_.other : format_.user;
}

std::string ChatTemplate::content_of(const ChatMessage& message) const {
  return std::string(format_.trims_content ? trim(message.content) : message.content);
}

Result<std::vector<ChatTemplate::Part>> ChatTemplate::lay_out(std::span<const ChatMessage> messages,
                                                              bool add_generation_prompt) const {
  std::vector<Part> parts;
  // System messages that wait for the next user message.
  std::vector<Part> folded;
  const auto append = [&](std::vector<Part>& to, std::string_view role, std::string content) {
    const ChatFrame& frame = frame_of(role);
    to.push_back({with_role(frame.prefix, role), true});
    if (&to != &folded && role != "assistant") {
      to.insert(to.end(), folded.begin(), folded.end());
      folded.clear();
    }
    to.push_back({std::move(content), false});
    to.push_back({with_role(frame.suffix, role), true});
  };
  for (const ChatMessage& message : messages) {
    if (!is_valid_role(message.role)) {
      return Error{ErrorCode::kInvalidArgument,
                   "role must be 1 to 32 characters of [a-z0-9_]: " + quote_name(message.role)};
    }
    std::string_view role = message.role;
    if (role == "developer") role = "system";
    const bool is_folded = role == "system" && format_.folds_system_into_user;
    append(is_folded ? folded : parts, role, content_of(message));
  }
  if (!folded.empty()) append(parts, "user", {});
  if (add_generation_prompt) parts.push_back({format_.generation_prompt, true});
  return parts;
}

Result<std::vector<TokenId>> ChatTemplate::encode_chat(const Tokenizer& tokenizer,
                                                       std::span<const ChatMessage> messages,
                                                       bool add_generation_prompt) const {
  KITH_ASSIGN_OR_RETURN(const auto parts, lay_out(messages, add_generation_prompt));
  std::vector<TextPart> views;
  views.reserve(parts.size() + 1);
  const auto bos = tokenizer.bos_id();
  if (format_.adds_bos && bos && tokenizer.is_control(*bos)) {
    views.push_back({tokenizer.id_to_piece(*bos), true});
  }
  for (const Part& part : parts) views.push_back({part.text, part.is_markup});
  return tokenizer.encode_parts(views);
}

Result<std::string> ChatTemplate::render(std::span<const ChatMessage> messages,
                                         bool add_generation_prompt) const {
  KITH_ASSIGN_OR_RETURN(const auto parts, lay_out(messages, add_generation_prompt));
  std::string out;
  for (const Part& part : parts) out += part.text;
  return out;
}

std::vector<TokenId> ChatTemplate::stop_ids(const Tokenizer& tokenizer) const {
  std::vector<TokenId> ids;
  const auto add = [&ids](TokenId id) {
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  };
  for (const std::string& piece : format_.stop_pieces) {
    if (const auto id = tokenizer.token_to_id(piece)) add(*id);
  }
  if (const auto id = tokenizer.eos_id()) add(*id);
  return ids;
}

}  // namespace kith::text
