#include "kith/server/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>

namespace kith::server {
namespace {

using prometheus::Histogram;

const Histogram::BucketBoundaries kSeconds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                           0.5,   1.0,    2.5,   5.0,  10.0,  30.0, 60.0};

}  // namespace

struct Metrics::Impl {
  prometheus::Registry registry;

  prometheus::Family<prometheus::Counter>& counter(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
  }
  prometheus::Family<prometheus::Gauge>& gauge(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
  }
  prometheus::Family<Histogram>& histogram(const char* name, const char* help) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
  }

  prometheus::Family<prometheus::Counter>& requests =
      counter("kith_http_requests_total", "HTTP requests by method, route and status.");
  prometheus::Family<Histogram>& request_seconds =
      histogram("kith_http_request_duration_seconds", "Time to the end of the answer.");
  prometheus::Gauge& connections = gauge("kith_http_connections", "Open connections.").Add({});
  prometheus::Family<prometheus::Gauge>& jobs =
      gauge("kith_jobs", "Calls running or waiting, by lane.");
  // In the order of base::kQueueClasses; set at every request, so they are looked up once.
  std::array<prometheus::Gauge*, base::kQueueClasses.size()> waiting{};
  std::array<Histogram*, base::kQueueClasses.size()> queue_seconds{};
  prometheus::Family<prometheus::Counter>& refused =
      counter("kith_refused_total", "Calls refused because a lane was full.");
  prometheus::Histogram& first_text =
      histogram("kith_time_to_first_text_seconds", "Streams: time to the first text.")
          .Add({}, kSeconds);
  prometheus::Counter& embedded_texts =
      counter("kith_embedded_texts_total", "Texts whose vectors were asked for.").Add({});
  prometheus::Histogram& embedding_seconds =
      histogram("kith_embedding_duration_seconds", "Time of requests for vectors.")
          .Add({}, kSeconds);
  prometheus::Counter& feedback =
      counter("kith_feedback_total", "Feedback signals recorded.").Add({});
  prometheus::Family<prometheus::Counter>& user_embeddings =
      counter("kith_user_embeddings_total", "Embeddings of users looked at, by outcome.");
  prometheus::Family<Histogram>& user_embedding_seconds = histogram(
      "kith_user_embedding_duration_seconds", "Time to bring a user's embedding up to date.");
  prometheus::Family<prometheus::Gauge>& embedded_users =
      gauge("kith_embedded_users",
            "Users with events: all, those with an embedding, and those whose embedding is stale.");
  prometheus::Family<prometheus::Counter>& outcomes =
      counter("kith_chat_requests_total", "Chat requests by outcome.");
  prometheus::Family<Histogram>& steps =
      histogram("kith_step_duration_seconds", "Time of each step of an answer.");
  prometheus::Family<prometheus::Counter>& degraded =
      counter("kith_degraded_total", "Steps left out because they failed or were late.");
  prometheus::Family<prometheus::Counter>& answers =
      counter("kith_answers_total", "Answers by persona and source of the chosen candidate.");
  prometheus::Family<prometheus::Counter>& tokens =
      counter("kith_tokens_total",
              "Tokens by kind: of prompts, of answers shown, and generated (unseen drafts too).");
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {
  auto& waiting =
      impl_->gauge("kith_queue_waiting", "Generations waiting for a thread, by queue class.");
  auto& seconds = impl_->histogram("kith_queue_wait_seconds",
                                   "Chats answered: wait for a thread, by queue class.");
  for (const base::QueueClass queue_class : base::kQueueClasses) {
    const auto index = static_cast<std::size_t>(queue_class);
    const std::string name(to_string(queue_class));
    impl_->waiting[index] = &waiting.Add({{"class", name}});
    impl_->queue_seconds[index] = &seconds.Add({{"class", name}}, kSeconds);
  }
}
Metrics::~Metrics() = default;

void Metrics::on_request(std::string_view outcome) {
  impl_->outcomes.Add({{"outcome", std::string(outcome)}}).Increment();
}

void Metrics::on_step(std::string_view step, double ms) {
  impl_->steps.Add({{"step", std::string(step)}}, kSeconds).Observe(ms / 1e3);
}

void Metrics::on_degraded(std::string_view step, std::string_view reason) {
  impl_->degraded.Add({{"step", std::string(step)}, {"reason", std::string(reason)}}).Increment();
}

void Metrics::on_answer(std::string_view persona, std::string_view source,
                        const personalize::AnswerTokens& tokens) {
  impl_->answers.Add({{"persona", std::string(persona)}, {"source", std::string(source)}})
      .Increment();
  impl_->tokens.Add({{"kind", "prompt"}}).Increment(tokens.prompt);
  impl_->tokens.Add({{"kind", "completion"}}).Increment(tokens.completion);
  impl_->tokens.Add({{"kind", "generated"}}).Increment(tokens.generated);
}

void Metrics::on_http(std::string_view method, std::string_view route, int status, double seconds) {
  impl_->requests
      .Add({{"method", std::string(method)},
            {"route", std::string(route)},
            {"status", std::to_string(status)}})
      .Increment();
  impl_->request_seconds.Add({{"route", std::string(route)}}, kSeconds).Observe(seconds);
}

void Metrics::set_connections(int open) { impl_->connections.Set(open); }

void Metrics::set_jobs(int generations, int others) {
  impl_->jobs.Add({{"lane", "generation"}}).Set(generations);
  impl_->jobs.Add({{"lane", "other"}}).Set(others);
}

void Metrics::set_waiting(base::QueueClass queue_class, int waiting) {
  impl_->waiting[static_cast<std::size_t>(queue_class)]->Set(waiting);
}

void Metrics::on_admitted(base::QueueClass queue_class, double wait_seconds) {
  impl_->queue_seconds[static_cast<std::size_t>(queue_class)]->Observe(wait_seconds);
}

void Metrics::on_refused(std::string_view lane) {
  impl_->refused.Add({{"lane", std::string(lane)}}).Increment();
}

void Metrics::on_first_text(double seconds) { impl_->first_text.Observe(seconds); }

void Metrics::on_embeddings(std::size_t num_texts, std::int64_t tokens, double seconds) {
  impl_->embedded_texts.Increment(static_cast<double>(num_texts));
  impl_->embedding_seconds.Observe(seconds);
  impl_->tokens.Add({{"kind", "embedding"}}).Increment(static_cast<double>(tokens));
}

void Metrics::on_user_embedding(std::string_view outcome, double seconds) {
  impl_->user_embeddings.Add({{"outcome", std::string(outcome)}}).Increment();
  if (outcome != "carried_on" && outcome != "rebuilt") return;
  impl_->user_embedding_seconds.Add({{"outcome", std::string(outcome)}}, kSeconds).Observe(seconds);
}

void Metrics::set_user_embeddings(std::int64_t users, std::int64_t embedded, std::int64_t current) {
  impl_->embedded_users.Add({{"state", "all"}}).Set(static_cast<double>(users));
  impl_->embedded_users.Add({{"state", "embedded"}}).Set(static_cast<double>(embedded));
  impl_->embedded_users.Add({{"state", "stale"}}).Set(static_cast<double>(users - current));
}

void Metrics::on_feedback(int num_added) { impl_->feedback.Increment(num_added); }

std::string Metrics::to_text() const {
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace kith::server
