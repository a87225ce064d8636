#include "kith/runtime/prompt_embeds.h"

#include <algorithm>
#include <utility>

#include "kith/base/base64.h"
#include "kith/upstream/torch_tensor.h"

namespace kith::runtime {
namespace {

using base::OrderedJson;

bool is_users(const OrderedJson& message) {
  const auto role = message.find("role");
  return role != message.end() && *role == "user";
}

}  // namespace

Status put_prompt_embeds(const personalize::SoftPrompt& rows, OrderedJson& messages) {
  const auto message = std::find_if(messages.begin(), messages.end(), is_users);
  if (message == messages.end()) {
    return Error{ErrorCode::kInvalidArgument, "messages must hold one of role user"};
  }
  KITH_ASSIGN_OR_RETURN(const std::string tensor,
                        upstream::save_torch_tensor(rows.values, rows.rows(), rows.width));
  OrderedJson parts = OrderedJson::array();
  parts.push_back({{"type", "prompt_embeds"}, {"data", base::encode_base64(tensor)}});
  OrderedJson& content = (*message)["content"];
  if (content.is_string()) {
    parts.push_back({{"type", "text"}, {"text", content}});
  } else if (content.is_array()) {
    parts.insert(parts.end(), content.begin(), content.end());
  } else {
    return Error{ErrorCode::kInvalidArgument, "content must be a text or a list of parts"};
  }
  content = std::move(parts);
  return {};
}

}  // namespace kith::runtime
