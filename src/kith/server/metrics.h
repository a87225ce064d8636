// Counters for Prometheus (GET /metrics). Labels are few and fixed: route patterns, statuses,
// personas, steps; never an id of a user, a conversation or a request. prometheus-cpp stays behind
// the .cc file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "kith/base/queue_class.h"
#include "kith/personalize/ports.h"

namespace kith::server {

// Thread-safe. Made before the pipeline, which reports to it too.
class Metrics final : public personalize::PipelineMetrics {
 public:
  Metrics();
  ~Metrics() override;
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  void on_request(std::string_view outcome) override;
  void on_step(std::string_view step, double ms) override;
  void on_degraded(std::string_view step, std::string_view reason) override;
  void on_answer(std::string_view persona, std::string_view source,
                 const personalize::AnswerTokens& tokens) override;

  // `route` is a pattern ("/v1/users/{id}"), "static" or "none".
  void on_http(std::string_view method, std::string_view route, int status, double seconds);
  void set_connections(int open);
  void set_jobs(int generations, int others);
  // Generations of the class that wait for a thread.
  void set_waiting(base::QueueClass queue_class, int waiting);
  // A chat that was taken on; `wait_seconds` for a thread.
  void on_admitted(base::QueueClass queue_class, double wait_seconds);
  void on_refused(std::string_view lane);
  void on_first_text(double seconds);
  // Texts of one request and their tokens.
  void on_embeddings(std::size_t num_texts, std::int64_t tokens, double seconds);
  void on_feedback(int num_added);
  // A user's embedding was looked at: "current", "carried_on", "rebuilt", "nothing" or "failed".
  void on_user_embedding(std::string_view outcome, double seconds);
  // Users who have events and let learn, those of them with an embedding, and with a current one.
  void set_user_embeddings(std::int64_t users, std::int64_t embedded, std::int64_t current);

  // Prometheus text format 0.0.4.
  std::string to_text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kith::server
