// One request on its way through the pipeline's steps (pipeline.h). Internal to personalize.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kith/memory/knowledge.h"
#include "kith/persona/entitlement.h"
#include "kith/personalize/candidates.h"
#include "kith/personalize/composer.h"
#include "kith/personalize/pipeline.h"
#include "kith/personalize/recording_gate.h"
#include "kith/personalize/shadow_runner.h"
#include "kith/personalize/snapshot.h"
#include "kith/personalize/step_runner.h"
#include "kith/personalize/style.h"
#include "kith/personalize/token_counter.h"
#include "kith/storage/history.h"

namespace kith::personalize {

// What all sessions of a pipeline share.
struct SessionKit {
  PipelineServices services;
  std::shared_ptr<const persona::Assigner> assigner;  // may be null
  std::shared_ptr<const persona::Router> router;      // may be null
  PipelineOptions options;
  memory::Knowledge knowledge;
  TokenCounter counter;
  RecordingGate gate;  // before the runners: their late work still passes it
  StepRunner runner;
  // Scores wait for the generator, stores must not wait for scores.
  StepRunner score_runner;
  // Null: adapters have no registered versions.
  ShadowRunner* shadow = nullptr;
};

struct SessionIds {
  DecisionId decision;
  std::string completion;
  ConversationId conversation;  // for a new one
  ConversationId fork;          // for the branch that a new answer opens
  std::uint64_t seed = 0;
};

// Used once, by one thread.
class Session {
 public:
  // All are borrowed for the session's life; `sink` may be null.
  Session(SessionKit& kit, const ChatRequest& request, const SessionIds& ids, AnswerSink* sink,
          const CancelToken& cancel);

  // Errors: see Pipeline::answer().
  Result<ChatAnswer> run();

 private:
  class DirectSink;

  // Before generation (session_prepare.cc).
  void start_reading();
  void identify();
  void start_search();
  void place_turns();
  void start_storing();
  void assign_persona();
  // Whether the user has become somebody else for good.
  void note_drift(const persona::UserFacts& facts, const persona::Assignment& assignment);
  // What the user's stored messages say. Before the turns are placed, because it takes longer.
  void recall_state();
  // Errors: those of Generator::hold_adapters() for adapters that the request names.
  Status choose_adapter();
  Status take_named_adapters();
  void take_personas_adapter();
  // Holds the adapters for the part under way; without them the base model answers it.
  bool take_adapters(std::vector<AdapterShare> adapters);
  void retrieve();
  void recall();
  void compose_prompt();
  void report_passages();
  // Whether quotes could be the answer under what the request asks of it.
  bool may_quote() const;
  bool keeps_limits(const std::string& quotes) const;

  // Which persona's model answers which part (session_route.cc).
  bool may_route() const;
  bool may_part() const;
  void score_prompt();
  void route_prompt();
  void take_route(persona::Route route);
  void take_routed_adapters();
  void begin_part(std::size_t index);
  void end_part();
  void send_separator(int choice);

  // What the user did (session_embedding.cc).
  bool may_embed() const;
  void start_embedding();
  void embed();
  void take_memory(const UserMemory& memory);

  // The section that the persona's users need (session_needs.cc).
  const persona::Persona* find_own_persona() const;
  void meet_needs();
  void take_needed(const memory::Passage& section, const persona::Need& need);

  // Who takes over (session_escalation.cc).
  void note_missing_documents();
  const persona::Escalation* find_escalation() const;
  void escalate();
  bool tell_escalation(const persona::Escalation& target);
  bool has_room(const std::string& text, const std::string& addition) const;

  // Generation and after (session_answer.cc).
  Status answer_part();
  bool has_extractive() const { return !extractive_text_.empty(); }
  int count_drafts() const;
  GenerationRequest make_generation(int num_drafts) const;
  Result<std::vector<GeneratedText>> generate(bool is_direct);
  void build_candidates(std::vector<GeneratedText> drafts);
  void score_extractive();
  // What the drafts of the part under way are compared with.
  RankContext rank_context() const;
  void choose(bool keeps_order);
  void send_chosen();
  void start_sink();
  void finish_storing();
  // What the user did by this request.
  void learn_behaviour(persona::AssignmentState& state) const;
  // Whether the decision is in the store.
  bool record();
  void offer_shadow();

  bool is_passed_through() const {
    return !request_.upstream_only.empty() ||
           (!request_.format.is_text() && !capabilities_.is_own_engine);
  }
  bool is_switched_off(const char* technique) const;
  // Whether the request leaves the technique on; if not, the plan says so.
  bool wants(const char* technique);
  void plan(const char* technique, bool used, std::string reason, std::size_t tokens = 0);
  void degrade(std::string_view step, const Error& error);
  double now_ms() const;

  // What a step gives that runs beside others, with the time that it took itself.
  template <typename T>
  struct Timed {
    T value;
    double ms = 0.0;
  };
  // Null if it was not started.
  template <typename T>
  using Started = StepRunner::Pending<Timed<T>>;

  // `work`, which may outlive the session, with its time.
  template <typename T>
  std::function<Result<Timed<T>>()> timed(std::function<Result<T>()> work) const {
    return [&clock = kit_.services.clock, work = std::move(work)]() -> Result<Timed<T>> {
      const auto start = clock.monotonic();
      KITH_ASSIGN_OR_RETURN(auto value, work());
      const std::chrono::duration<double, std::milli> took = clock.monotonic() - start;
      return Timed<T>{std::move(value), took.count()};
    };
  }
  // Waits for a step that goes on already, and notes its failure.
  template <typename T>
  Result<T> finish_step(const char* name, std::chrono::milliseconds budget, Started<T> started) {
    const double start = now_ms();
    auto timed = kit_.runner.wait<Timed<T>>(budget, std::move(started));
    if (!timed) return note_step<T>(name, now_ms() - start, std::move(timed).error());
    return note_step<T>(name, timed->ms, std::move(timed->value));
  }

  // Runs a step on the runner, measures it, and notes its failure.
  template <typename T>
  Result<T> step(const char* name, std::chrono::milliseconds budget,
                 std::function<Result<T>()> work) {
    return step_on<T>(kit_.runner, name, budget, std::move(work));
  }
  template <typename T>
  Result<T> step_on(StepRunner& runner, const char* name, std::chrono::milliseconds budget,
                    std::function<Result<T>()> work) {
    const double start = now_ms();
    auto result = runner.run<T>(budget, std::move(work));
    return note_step<T>(name, now_ms() - start, std::move(result));
  }
  // Tells how long a step took, and its failure.
  template <typename T>
  Result<T> note_step(const char* name, double ms, Result<T> result) {
    last_step_ms_ = ms;
    kit_.services.metrics.on_step(name, ms);
    if (!result) degrade(name, result.error());
    return result;
  }

  SessionKit& kit_;
  const ChatRequest& request_;
  const SessionIds& ids_;
  AnswerSink* sink_;
  const CancelToken& cancel_;
  const GeneratorCapabilities capabilities_;
  const std::shared_ptr<const RecordingGate::Visit> visit_;

  ChatAnswer answer_;
  std::string question_;  // the last user message
  // The part of it that is answered now; all of it if it was not parted.
  std::string asked_;
  // The conversation that ends in asked_.
  std::vector<Message> messages_;
  UserSnapshot user_;
  persona::Entitlement entitlement_;  // nothing without consent
  bool is_named_ = false;             // not anonymous
  bool learns_ = false;               // consent, and the request is to be stored
  // Of this request too, once the persona is assigned.
  persona::AssignmentState state_;
  double state_ms_ = 0.0;
  std::vector<std::string> new_messages_;
  const persona::Persona* persona_ = nullptr;
  // Of the part under way, and their weights, for drafts and scores alike.
  std::vector<AdapterShare> adapters_;
  std::shared_ptr<const HeldAdapters> held_adapters_;
  // Of the user, for all parts; null: none.
  std::shared_ptr<const HeldMemory> memory_;
  Started<std::optional<UserMemory>> reading_memory_;
  std::optional<persona::PromptScores> prompt_scores_;
  double prompt_scores_ms_ = 0.0;
  std::size_t part_ = 0;  // index of the part under way
  // Choices that have got the separator of their second part.
  std::vector<int> separated_;
  std::optional<int> max_tokens_;  // of the part under way
  Layout layout_ = Layout::kSentences;
  // Under way from start_reading() on.
  struct Reading {
    Started<UserSnapshot> user;
    Started<HistoryPlan> plan;
    Started<std::optional<storage::PersonaAssignment>> persona;
    Started<std::vector<std::string>> exchanges;
  };
  Reading reading_;
  std::optional<persona::AssignmentState> learned_;  // to write, with the persona
  std::optional<persona::PersonaChange> change_;
  Started<std::vector<memory::Passage>> search_;
  std::string query_;
  // The turns are stored while the answer is generated.
  bool stores_turns_ = false;
  ConversationId history_source_;
  StepRunner::Pending<storage::HistoryPlace> storing_;
  std::vector<std::string> history_lines_;
  std::vector<memory::Passage> passages_;
  std::optional<memory::ExtractiveAnswer> extract_;  // of all passages
  // What of extract_ meets a need of the persona's; empty: nothing does.
  std::string needed_text_;
  bool is_weakly_grounded_ = false;  // any part
  std::string extractive_text_;
  bool is_extract_dropped_ = false;  // it breaks a limit of the request
  Prompt prompt_;
  std::vector<Candidate> candidates_;
  std::vector<std::size_t> order_;
  std::vector<Choice> chosen_;  // of the part under way, best first
  std::string why_plain_ = "the user is anonymous";
  double last_step_ms_ = 0.0;
  bool has_started_sink_ = false;
};

}  // namespace kith::personalize
