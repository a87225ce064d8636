// The personal answer: who is asking, what helps them, which text to say.
//
// Steps, each with a time budget: identify (user, consent), conversation (the resent history is
// stored once), persona, knowledge, history, embedding, compose (docs/formats/prompt.md), generate,
// choose, record. Only generation can fail the answer: any other step that fails or is late is left
// out, named in `degraded` and counted.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "kith/base/clock.h"
#include "kith/base/result.h"
#include "kith/persona/assignment.h"
#include "kith/persona/router.h"
#include "kith/personalize/adapter_versions.h"
#include "kith/personalize/candidates.h"
#include "kith/personalize/chat.h"
#include "kith/personalize/composer.h"
#include "kith/personalize/ports.h"
#include "kith/personalize/recording_gate.h"
#include "kith/storage/store_set.h"

namespace kith::personalize {

// How long the answer waits for each step.
struct StepBudgets {
  std::chrono::milliseconds identify{250};
  std::chrono::milliseconds conversation{500};
  std::chrono::milliseconds persona{250};
  std::chrono::milliseconds knowledge{400};
  std::chrono::milliseconds history{250};
  std::chrono::milliseconds embedding{250};
  std::chrono::milliseconds score{2000};
  // Writes after the answer is made: a late one is still completed, but not waited for.
  std::chrono::milliseconds record{1000};
};

struct PipelineOptions {
  StepBudgets budgets;
  // Stands first when the application sends no system message; may be empty.
  std::string default_system = "You are a helpful assistant.";
  // Passages in the prompt at most, and the share of the context that they may fill.
  int max_passages = 3;
  double passages_share = 0.35;
  // Exchanges from the user's other conversations at most, and their share of the context.
  int max_exchanges = 2;
  double history_share = 0.1;
  // Tokens kept free for the answer when the client names no max_tokens.
  int answer_tokens = 320;
  // Drafts for each answer, by kind of generator, in [1, 8].
  int own_drafts = 2;
  int upstream_drafts = 1;
  // Temperature of the drafts after the first, which is greedy (or takes the client's own).
  double draft_temperature = 0.7;
  // Whether an answer cut from the passages competes with the drafts. For an upstream it does so
  // only when asked for (`kith.plan.candidates`), so that its words stream as they come.
  bool own_extractive = true;
  bool upstream_extractive = false;
  // Whether the prompt names the sentences of the passages that answer best. A small model copies
  // them; a large upstream finds them itself.
  bool own_evidence = true;
  bool upstream_evidence = false;
  // Share of the question (weighted by idf) that the passages must hold to stand in the prompt, and
  // that their best sentences must hold to be named and to compete. In [0, 1].
  double min_passage_coverage = 0.2;
  double min_evidence_coverage = kMinEvidenceCoverage;
  NeWeights ne;
  // Threads that run the steps, and as many again for scoring, >= 1. One is lost for as long as a
  // store hangs.
  int step_threads = 6;
  // Seeds the ids (for tests); absent: from the system.
  std::optional<std::uint64_t> id_seed;
};

// What the pipeline borrows; all must outlive it and be thread-safe.
struct PipelineServices {
  Generator& generator;
  storage::StoreSet& stores;
  PipelineMetrics& metrics;
  const base::Clock& clock;
  // Null: adapters have no registered versions.
  AdapterVersions* versions = nullptr;
  // Null: nobody is known by what he did.
  UserEncoder* user_encoder = nullptr;
};

// Thread-safe: answer() may be called from many threads.
class Pipeline {
 public:
  // Without an assigner nobody has a persona; without a router, prompts do not choose one.
  // Errors: kInvalidArgument if an option is out of range.
  static Result<std::unique_ptr<Pipeline>> create(
      const PipelineServices& services, std::shared_ptr<const persona::Assigner> assigner,
      const PipelineOptions& options = {}, std::shared_ptr<const persona::Router> router = {});
  // Waits for steps that still run.
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // Blocks until the answer is there. `sink` may be null; with a sink, the text it saw is the text
  // returned.
  // Errors: kInvalidArgument for a request that cannot be answered (no user message; a field that
  //   the own engine cannot honour, by name); those of Generator::generate().
  Result<ChatAnswer> answer(const ChatRequest& request, AnswerSink* sink = nullptr,
                            const CancelToken& cancel = {});

  // profile::erase_user(); answers that are under way record nothing about the user afterwards.
  Result<storage::EraseReceipt> erase_user(const storage::Scope& scope);

  // What erase_user() passes; lives as long as the pipeline.
  RecordingGate& recording_gate();

  const persona::PersonaCatalogue& catalogue() const;

 private:
  class Impl;
  explicit Pipeline(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace kith::personalize
