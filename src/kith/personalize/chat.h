// A chat request and its answer as personalization sees them: no wire format, yet everything that
// the `kith` object of a response reports.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/ids.h"
#include "kith/base/queue_class.h"
#include "kith/persona/assignment.h"
#include "kith/persona/catalogue.h"
#include "kith/persona/router.h"
#include "kith/personalize/ports.h"
#include "kith/storage/scope.h"

namespace kith::personalize {

// Techniques that a plan names; a request may switch each off (`kith.plan`).
inline constexpr const char* kTechniquePersona = "persona";      // assignment
inline constexpr const char* kTechniqueRouter = "router";        // the prompt chooses the persona
inline constexpr const char* kTechniqueAdapter = "adapter";      // the persona's adapter
inline constexpr const char* kTechniqueStyle = "style";          // the style card in the prompt
inline constexpr const char* kTechniqueKnowledge = "knowledge";  // retrieved passages
inline constexpr const char* kTechniqueHistory = "history";  // from the user's other conversations
inline constexpr const char* kTechniqueEmbedding = "embedding";    // what the user did, as latents
inline constexpr const char* kTechniqueCandidates = "candidates";  // more than one candidate
inline constexpr const char* kTechniqueNeeds = "needs";            // the section that meets a need
inline constexpr const char* kTechniqueEscalation = "escalation";  // people are named

// Where a candidate comes from.
inline constexpr const char* kSourceDraft = "draft";
inline constexpr const char* kSourceExtractive = "extractive";

// `kith.style` of a request, and what a style card asks for. Empty members are not asked for.
struct StyleWish {
  std::string persona;  // name
  std::string tone;
  std::string length;  // "short", "medium", "long"
  std::string format;
  std::string language;  // BCP 47 primary tag, or "user"
  std::optional<double> reading_level;

  bool empty() const {
    return persona.empty() && tone.empty() && length.empty() && format.empty() &&
           language.empty() && !reading_level;
  }
  friend bool operator==(const StyleWish&, const StyleWish&) = default;
};

struct ChatRequest {
  // An empty user is anonymous: a plain answer, nothing learned or stored.
  storage::Scope scope;
  // The client's own id of the conversation; empty: found by the hash of the history.
  ConversationId conversation;
  // At least one message of role "user".
  std::vector<Message> messages;
  std::string model;
  SamplingParams sampling;
  std::optional<int> max_tokens;
  std::vector<std::string> stop;
  OutputFormat format;
  // Adapters that the request names (as `model`, or in `lora`), which then stand instead of the
  // persona's own; empty: none shall. Absent: the persona's own.
  std::optional<std::vector<AdapterShare>> adapters;
  // `kith.soft_prompt`, as Generator::read_soft_prompt() gave it; may be null.
  std::shared_ptr<const SoftPrompt> soft_prompt;
  // Answers that the client wants, in [1, 128].
  int num_choices = 1;
  // JSON object of members that Kith does not read, for upstreams; empty if none.
  std::string extra;
  // Fields that only an upstream can honour, by name ("tools", "messages[1].content[0].image_url").
  // The own engine refuses a request with any.
  std::vector<std::string> upstream_only;

  // False for `store: false`, `kith.temporary` and a client's housekeeping calls: nothing is stored
  // or learned from this request.
  bool stores = true;
  // `kith.context`: device, channel, locale, place, ticket.
  storage::Attributes context;
  // Groups of documents that the caller may read beyond those of the user's persona.
  std::vector<std::string> access;
  // `kith.plan`: technique to on or off; absent: the pipeline decides.
  std::map<std::string, bool> plan;
  // `kith.candidates`: drafts wanted, in [1, 8].
  std::optional<int> num_drafts;
  StyleWish style;
  // How long the request waited to be taken on, for the answer to tell.
  double admission_ms = 0.0;
};

struct PlanStep {
  std::string technique;
  bool used = false;
  std::string reason;
  int tokens = 0;  // that it put into the prompt
  double ms = 0.0;
};

// A passage that stood in the prompt. [start, end) are bytes of the document's text.
struct CitedPassage {
  DocumentId id;
  std::string title;
  std::size_t start = 0;
  std::size_t end = 0;
  std::string text;
};

// A piece of the prompt and who answered it.
struct AnswerPart {
  // Bytes [start, end) of the last user message.
  std::size_t start = 0;
  std::size_t end = 0;
  PersonaId persona;  // empty: nobody in particular
  // Empty: the base model.
  std::vector<AdapterShare> adapters;
};

struct CandidateReport {
  // Of which part of the prompt, from 0.
  std::size_t part = 0;
  std::string source;  // kSourceDraft or kSourceExtractive
  double ne = 0.0;     // the score that ranked it, see candidates.h
  std::optional<double> mean_logprob;
  std::optional<double> grounding;  // [0, 1]; absent without passages
  bool is_grounded = false;
  bool is_chosen = false;
  std::string hash;     // of the text
  std::string excerpt;  // its beginning
};

struct MeasuredStyle {
  std::string language;  // BCP 47 primary tag; empty if unclear
  std::optional<double> reading_level;
  int words = 0;  // words, or characters for Chinese
  int sentences = 0;
};

// Who takes over from the answer, and why.
struct EscalationReport {
  std::string reason;  // kEscalationAsked or kEscalationWeak
  persona::Escalation target;
  // Whether the answer's text says so, too.
  bool is_in_text = false;
};

// The user asks for a person.
inline constexpr const char* kEscalationAsked = "asked for a person";
// No document answers the question, or the answer is not held by any.
inline constexpr const char* kEscalationWeak = "weak grounding";

// Which memory of the user stood beside the prompt, and through which bridge.
struct EmbeddingReport {
  std::string version;  // of the encoder
  std::int64_t num_events = 0;
  base::UnixMicros at = 0;  // when it was made
  // As those of UserMemory.
  bool is_persona_mean = false;
  PersonaId persona;
  int rows = 0;
  int prompt_rows = 0;  // of the prompt's tokens
  std::string bridge;
  std::string bridge_version;
};

// A step that was left out because it failed or was late.
struct Degradation {
  std::string step;
  std::string reason;
};

struct Choice {
  std::string text;
  std::string finish_reason = "stop";
  std::string source;
  // As those of GeneratedText.
  std::string logprobs;
  std::vector<std::size_t> token_begins;
  std::string raw;
};

struct AnswerTimings {
  double admission_ms = 0.0;  // before the others, and not in total_ms
  double total_ms = 0.0;
  double personalize_ms = 0.0;  // everything before generation
  double generate_ms = 0.0;
  double record_ms = 0.0;
  GenerationTimings generator;  // of the slowest draft
};

struct ChatAnswer {
  DecisionId decision;
  std::string completion;  // "chatcmpl-..."
  base::UnixMicros created_at = 0;
  UserId user;
  // Empty if nothing is stored and the client named none.
  ConversationId conversation;
  // The generator's, or the adapter that the request named as its model.
  std::string model;

  // num_choices of them, best first.
  std::vector<Choice> choices;
  int prompt_tokens = 0;
  int cached_tokens = 0;      // of the prompt, not computed again
  int completion_tokens = 0;  // of `choices`
  int generated_tokens = 0;   // of all drafts, those that nobody sees among them

  // The posterior, who the user is by it, and the persona answered for, which the prompt may name
  // (empty: none); of a prompt of two parts, that of the first.
  std::vector<storage::PersonaWeight> personas;
  // The rest of the posterior: none of the personas; absent if nobody was assigned.
  std::optional<double> abstain;
  std::vector<persona::Evidence> evidence;
  PersonaId assigned;
  PersonaId persona;
  // By the attributes of who asks (persona/entitlement.h), whatever the prompt says.
  base::QueueClass queue_class = base::QueueClass::kNormal;
  // Absent if nobody takes over.
  std::optional<EscalationReport> escalation;
  // Absent if the prompt was not routed.
  std::optional<persona::Route> route;
  // In the order of the prompt: one if it was routed as a whole, two if it was parted.
  std::vector<AnswerPart> parts;
  // All adapters that wrote, and the one with the most weight (of the first part that has one);
  // empty: the base model.
  std::vector<AdapterShare> adapters;
  AdapterId adapter;
  int adapter_version = 0;  // of `adapter`, if it is a registered version; else 0
  // Absent if the answer knows nothing of the user's events.
  std::optional<EmbeddingReport> embedding;
  std::vector<PlanStep> plan;
  std::vector<CitedPassage> passages;
  std::vector<CandidateReport> candidates;
  // With which the chosen candidate was chosen.
  double probability = 1.0;
  StyleWish style_asked;
  MeasuredStyle style_measured;
  AnswerTimings timings;
  std::vector<Degradation> degraded;
};

// A piece of a choice; the members as those of TextDelta. Borrowed for the time of the call.
struct AnswerDelta {
  int choice = 0;
  std::string_view text;
  std::string_view raw;
  std::string_view logprobs;
};

// Receives an answer while it is made. on_start() comes once, before the first delta, with
// everything known by then (ids, persona, adapter, plan, passages); then the deltas of each choice
// add up to its text and its log-probabilities. Called from one thread at a time; must not block
// for long.
class AnswerSink {
 public:
  virtual ~AnswerSink() = default;
  virtual void on_start(const ChatAnswer& head) = 0;
  virtual void on_delta(const AnswerDelta& delta) = 0;
};

}  // namespace kith::personalize
