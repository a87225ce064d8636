// Between the wire's chat types and those of personalization. Internal to server.
#pragma once

#include "kith/api/chat_request.h"
#include "kith/api/chat_response.h"
#include "kith/personalize/chat.h"
#include "kith/storage/scope.h"

namespace kith::server {

personalize::SamplingParams to_sampling(const api::SamplingFields& fields);
personalize::OutputFormat to_format(api::OutputFormat format);

personalize::ChatRequest to_chat_request(api::ChatCompletionRequest request, storage::Scope scope);

// Everything but the choices.
api::ChatCompletion to_chat_head(const personalize::ChatAnswer& answer);
api::ChatCompletion to_chat_completion(const personalize::ChatAnswer& answer);
api::ChatChoice to_chat_choice(const personalize::Choice& choice);

}  // namespace kith::server
