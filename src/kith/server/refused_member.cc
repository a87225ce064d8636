#include "kith/server/refused_member.h"

#include "kith/personalize/ports.h"

namespace kith::server {

void name_member(const Error& error, const SizeMembers& members, api::ApiError& told) {
  if (error.code != ErrorCode::kInvalidArgument) return;
  const auto says = [&error](std::string_view text) {
    return error.message.find(text) != std::string::npos;
  };
  const bool is_long_prompt = says(personalize::kPromptTooLong);
  if (is_long_prompt || says(personalize::kAnswersTooLong)) {
    told.param = is_long_prompt ? members.prompt : members.answers;
    told.code = "context_length_exceeded";
    return;
  }
  for (const std::string& name : {members.prompt, std::string("logit_bias")}) {
    if (error.message.starts_with(name)) told.param = name;
  }
}

}  // namespace kith::server
