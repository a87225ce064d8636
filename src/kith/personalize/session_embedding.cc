// What the user did over the years, as the latents of a user encoder, beside the prompt.
#include <utility>

#include "kith/personalize/session.h"

namespace kith::personalize {
namespace {

// The day alone: it is to say how fresh the memory is.
std::string day_of(base::UnixMicros at) { return base::to_iso8601(at).substr(0, 10); }

std::string describe(const UserMemory& memory) {
  if (memory.is_persona_mean) {
    return memory.persona.empty() ? "no events read yet: mean of all users"
                                  : "no events read yet: mean of persona " + memory.persona.str();
  }
  return std::to_string(memory.num_events) + (memory.num_events == 1 ? " event" : " events") +
         " until " + day_of(memory.at);
}

}  // namespace

// A temporary chat knows nothing that was learned, and who may not be learned from was not encoded.
bool Session::may_embed() const {
  return kit_.services.user_encoder != nullptr && user_.personalizes && user_.learns &&
         request_.stores && capabilities_.no_memories.empty() &&
         !is_switched_off(kTechniqueEmbedding);
}

// Runs beside the other reads; embed() waits for it.
void Session::start_embedding() {
  if (!may_embed()) return;
  reading_memory_ = kit_.runner.start(timed<std::optional<UserMemory>>(
      [&encoder = *kit_.services.user_encoder, scope = request_.scope] {
        return encoder.memory_of(scope);
      }));
}

void Session::embed() {
  if (kit_.services.user_encoder == nullptr) return;
  if (!user_.personalizes) return plan(kTechniqueEmbedding, false, why_plain_);
  if (!wants(kTechniqueEmbedding)) return;
  if (!request_.stores) return plan(kTechniqueEmbedding, false, "temporary chat");
  if (!user_.learns) return plan(kTechniqueEmbedding, false, "opted out");
  if (!may_embed()) return plan(kTechniqueEmbedding, false, capabilities_.no_memories);
  const auto found = finish_step<std::optional<UserMemory>>(
      "embedding", kit_.options.budgets.embedding, std::move(reading_memory_));
  if (!found) return plan(kTechniqueEmbedding, false, "it failed");
  if (!*found) return plan(kTechniqueEmbedding, false, "no events");
  take_memory(**found);
}

void Session::take_memory(const UserMemory& memory) {
  const double start = now_ms();
  auto held = kit_.services.generator.hold_memory(memory);
  last_step_ms_ += now_ms() - start;
  if (!held) {
    degrade(kTechniqueEmbedding, held.error());
    return plan(kTechniqueEmbedding, false, held.error().message);
  }
  memory_ = *std::move(held);
  answer_.embedding = EmbeddingReport{.version = memory.version,
                                      .num_events = memory.num_events,
                                      .at = memory.at,
                                      .is_persona_mean = memory.is_persona_mean,
                                      .persona = memory.persona,
                                      .rows = memory.rows,
                                      .prompt_rows = memory_->prompt_rows(),
                                      .bridge = memory_->bridge(),
                                      .bridge_version = memory_->bridge_version()};
  plan(kTechniqueEmbedding, true, describe(memory),
       static_cast<std::size_t>(memory_->prompt_rows()));
}

}  // namespace kith::personalize
