#include "kith/engine/constrained_bench.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "kith/grammar/json_schema.h"

namespace kith::engine {
namespace {

// So many required properties that no answer of a usual length ends by itself.
constexpr int kProperties = 200;
constexpr int kPromptTokens = 16;

std::string wide_schema() {
  constexpr const char* kValues[] = {
      R"({"type":"string"})", R"({"type":"integer","minimum":0})", R"({"type":"boolean"})",
      R"({"enum":["low","medium","high"]})",
      R"({"type":"array","items":{"type":"string","maxLength":40}})"};
  std::string properties;
  std::string names;
  for (int i = 0; i < kProperties; ++i) {
    const std::string name = "\"property_" + std::to_string(i) + "\"";
    properties += (i > 0 ? "," : "") + name + ":" + kValues[i % 5];
    names += (i > 0 ? "," : "") + name;
  }
  return R"({"type":"object","additionalProperties":false,"properties":{)" + properties +
         R"(},"required":[)" + names + "]}";
}

// Tokens a second of `batch` answers to one prompt.
Result<double> measure(Engine& engine, int batch, int tokens,
                       std::shared_ptr<const grammar::TokenGrammar> rules) {
  GenerateRequest request;
  request.prompt.assign(kPromptTokens, 1);
  request.samples.assign(static_cast<std::size_t>(batch), SamplingParams{.top_logprobs = 0});
  request.max_tokens = tokens;
  request.grammar = std::move(rules);
  const auto start = std::chrono::steady_clock::now();
  KITH_ASSIGN_OR_RETURN(const auto answers, engine.generate(std::move(request)));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  double written = 0.0;
  for (const Answer& answer : answers) written += answer.finish.completion_tokens;
  return written / seconds.count();
}

}  // namespace

Result<std::vector<ConstrainedResult>> bench_constrained(
    Engine& engine, std::shared_ptr<const grammar::TokenVocabulary> vocabulary,
    const ConstrainedBench& options) {
  KITH_ASSIGN_OR_RETURN(grammar::Automaton automaton, grammar::compile_json_schema(wide_schema()));
  KITH_ASSIGN_OR_RETURN(const auto rules,
                        grammar::TokenGrammar::create(std::move(automaton), std::move(vocabulary)));
  std::vector<ConstrainedResult> results;
  for (const int batch : options.batches) {
    ConstrainedResult result{.batch = batch};
    for (int round = 0; round <= options.rounds; ++round) {
      KITH_ASSIGN_OR_RETURN(const double free, measure(engine, batch, options.tokens, nullptr));
      KITH_ASSIGN_OR_RETURN(const double bound, measure(engine, batch, options.tokens, rules));
      if (round == 0) continue;
      result.free_tokens_per_second = std::max(result.free_tokens_per_second, free);
      result.constrained_tokens_per_second = std::max(result.constrained_tokens_per_second, bound);
    }
    if (result.free_tokens_per_second > 0.0) {
      result.ratio = result.constrained_tokens_per_second / result.free_tokens_per_second;
    }
    results.push_back(result);
  }
  return results;
}

}  // namespace kith::engine
