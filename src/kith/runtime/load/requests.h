// Random requests, each with what its answer must be. For tests.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kith/base/rng.h"
#include "kith/runtime/load/replies.h"

namespace kith::runtime::load {

struct Request {
  // For the report: "chat", "completion", ...
  std::string kind;
  std::string method = "POST";
  std::string target;
  server::TestHeaders headers{{"Content-Type", "application/json"}};
  std::string body;
  bool is_stream = false;
  // Of a text that is generated; absent: any answer of status 200 is good.
  std::optional<Expected> expected;
  // Statuses of errors that are good answers too, besides 429.
  std::vector<int> errors;
  // The only good status, for requests with a mistake; 0: none.
  int must_fail_with = 0;
};

// What random requests may name.
struct RequestFacts {
  std::vector<std::string> adapters;
  // Of /lora-adapters, at least one.
  int num_lora_ids = 0;
  int hidden_size = 0;
};

// Who asks: "u0" to "u23".
std::string random_user(base::Rng& rng);
// Some words, of which some stand in the documents.
std::string random_text(base::Rng& rng, std::size_t words);

Request random_chat(base::Rng& rng, const RequestFacts& facts);
Request random_completion(base::Rng& rng, const RequestFacts& facts);
// A chat or completion whose text a JSON schema or a list of texts fixes.
Request random_structured(base::Rng& rng, const RequestFacts& facts);
Request random_soft_prompt(base::Rng& rng, const RequestFacts& facts);
Request random_embeddings(base::Rng& rng);
Request random_read(base::Rng& rng);
Request random_mistake(base::Rng& rng);
// A document under a name that another one has, with other words.
Request random_import(base::Rng& rng);

}  // namespace kith::runtime::load
