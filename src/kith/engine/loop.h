// The engine's compute thread: admits requests, builds steps, runs the model, hands out tokens.
// Private to the engine.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "kith/base/class_queue.h"
#include "kith/engine/engine.h"
#include "kith/engine/job.h"
#include "kith/engine/kv_blocks.h"
#include "kith/engine/prefix_cache.h"

namespace kith::engine {

class Engine::Loop {
 public:
  Loop(std::unique_ptr<StepModel> model, text::Tokenizer tokenizer, const base::Clock& clock,
       const EngineOptions& options);
  ~Loop();

  // Errors: as Engine::submit(). Thread-safe.
  Result<RequestHandle> submit(std::unique_ptr<Job> job);
  // As Engine::post(). Thread-safe.
  bool post(std::function<void()> work);
  EngineStats stats() const;
  const StepModel& model() const { return *model_; }

 private:
  // A chunk of the step and whom it belongs to: a prompt (sequence null) or a sequence.
  struct Work {
    Job* job = nullptr;
    Sequence* sequence = nullptr;
    int tokens = 0;
    // First of its rows in the logits, and how many it has.
    int first_row = 0;
    int rows = 0;
  };

  Status check(const Job& job) const;
  Status check_memory(const GenerateRequest& request) const;
  int worst_case_blocks(const Job& job) const;

  // All below run on the compute thread.
  void run();
  bool wait_for_work();
  // The next piece of other work; false if there is none.
  bool run_posted();
  std::optional<FinishReason> must_end(const Job& job) const;
  void drop_cancelled();
  void admit();
  Status project_memory(Job& job);
  void step();
  void plan_sequences(int& budget);
  void plan_prompts(int& budget);
  void add_work(Job& job, Sequence* sequence, CachedTokens& context, int tokens, bool all_logits);
  void reuse_prefix(Job& job);
  void remember(const Job& job, const CachedTokens& context);
  std::int32_t allocate_block();
  void start_masks();
  void prepare_blocks(CachedTokens& context, int tokens);
  std::span<const float> row(int index) const;
  // The tokens allowed next; null for all.
  Result<const grammar::TokenMask*> allowed_tokens(Sequence& sequence) const;
  // Whether `token` was taken on; otherwise the sequence has ended.
  bool follow_grammar(Job& job, Sequence& sequence, text::TokenId token);

  void advance(const Work& work);
  void add_sequences(Job& job) const;
  void start_sequences(Job& job, std::span<const float> logits);
  void take_token(Job& job, Sequence& sequence, std::span<const float> logits);
  void take_scores(const Job& job, Sequence& sequence, const Work& work, int first_position);
  void finish(Job& job, Sequence& sequence, FinishReason reason, const std::string& error = {});
  void finish_all(Job& job, FinishReason reason, const std::string& error);
  void deliver_scores(Job& job, Result<std::vector<ContinuationScore>> scores);
  void release(CachedTokens& context);
  void remove_done();
  Timings timings(const Job& job) const;
  std::size_t memory_bytes() const;

  std::unique_ptr<StepModel> model_;
  text::Tokenizer tokenizer_;
  const base::Clock& clock_;
  const EngineOptions options_;

  // Compute thread only.
  KvBlocks blocks_;
  PrefixCache prefixes_;
  int reserved_blocks_ = 0;
  std::vector<std::unique_ptr<Job>> running_;
  std::vector<Work> works_;
  std::vector<model::Chunk> chunks_;
  int planned_rows_ = 0;
  std::vector<float> logits_;
  std::vector<Constraint*> constraints_;
  MaskWorker mask_worker_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  base::ClassQueue<std::unique_ptr<Job>> waiting_;  // guarded by mutex_
  std::deque<std::function<void()>> posted_;        // guarded by mutex_
  EngineStats stats_;                               // guarded by mutex_
  bool stopping_ = false;                           // guarded by mutex_
  std::thread thread_;
};

}  // namespace kith::engine
