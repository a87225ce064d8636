// Rows of embeddings in a request to vLLM: the content part {"type": "prompt_embeds", "data":
// base64 of torch.save()} of a chat message, around which the server renders its template
// (docs/formats/memory-bridge.md). Internal to runtime.
#pragma once

#include "kith/base/json.h"
#include "kith/base/result.h"
#include "kith/personalize/ports.h"

namespace kith::runtime {

// Lets the rows stand first in the first message of role user, so that all that users say follows
// them and the beginnings of later turns are the same; what stood there stays, a text as a part.
//   messages: an array of messages
// Errors: kInvalidArgument if no user says anything, or says it in a form that is none of OpenAI's;
//   those of upstream::save_torch_tensor().
Status put_prompt_embeds(const personalize::SoftPrompt& rows, base::OrderedJson& messages);

}  // namespace kith::runtime
