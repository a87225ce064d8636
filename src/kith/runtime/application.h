// The composition root: wires stores, personas, a generator and the pipeline, and serves them.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "kith/base/result.h"
#include "kith/personalize/feedback.h"
#include "kith/personalize/newcomers.h"
#include "kith/personalize/pipeline.h"
#include "kith/runtime/config.h"
#include "kith/runtime/installation.h"
#include "kith/runtime/served_versions.h"
#include "kith/runtime/stop_signals.h"
#include "kith/runtime/user_encoder.h"
#include "kith/server/completion_service.h"
#include "kith/server/embedding_service.h"
#include "kith/server/metrics.h"

namespace kith::runtime {

// The generator that the configuration asks for: an upstream, or the own engine.
// Errors: those of EngineGenerator::create(), model::SoftPromptBridge::load() and
//   upstream::OpenAiClient::create().
Result<std::unique_ptr<personalize::Generator>> make_generator(const Config& config,
                                                               const base::Clock& clock);

// Plain completions by what `generator`, made from the same configuration, generates with; it must
// outlive them. Errors: those of upstream::OpenAiClient::create().
Result<std::unique_ptr<server::CompletionService>> make_completions(
    const Config& config, personalize::Generator& generator);

// How the configuration has answers made.
personalize::PipelineOptions pipeline_options(const Config& config);

class Application {
 public:
  // Errors: those of Installation::open(), make_generator(), make_embeddings(),
  //   make_user_encoder(), check_bridge() and personalize::Pipeline::create().
  static Result<std::unique_ptr<Application>> create(const Config& config);
  // The same on an installation that is open already.
  static Result<std::unique_ptr<Application>> create(const Config& config,
                                                     std::unique_ptr<Installation> installation);

  // Serves until SIGINT or SIGTERM, then lets running requests finish. `on_ready` gets the address.
  // Errors: those of server::Server::create().
  Status serve(const std::function<void(const std::string& url)>& on_ready);

  Installation& installation() { return *installation_; }
  personalize::Generator& generator() { return *generator_; }
  personalize::Pipeline& pipeline() { return *pipeline_; }
  // Null for an upstream.
  ServedVersions* versions() { return versions_.get(); }
  // Null without one.
  ServedUserEncoder* user_encoder() { return user_encoder_.get(); }

 private:
  explicit Application(Config config) : config_(std::move(config)) {}

  // First: no thread may start before the signals are blocked.
  StopSignals signals_;
  Config config_;
  std::unique_ptr<Installation> installation_;
  server::Metrics metrics_;
  std::unique_ptr<personalize::Generator> generator_;
  // Computes on the generator's thread. Null: no embeddings are served.
  std::unique_ptr<server::EmbeddingService> embeddings_;
  // Generates with the generator's model, or asks the same upstream.
  std::unique_ptr<server::CompletionService> completions_;
  // Null for an upstream, which has no adapters of ours.
  std::unique_ptr<ServedVersions> versions_;
  // Computes on the generator's thread. Null: no user encoder is configured.
  std::unique_ptr<ServedUserEncoder> user_encoder_;
  // Its threads use what stands above.
  std::unique_ptr<personalize::Pipeline> pipeline_;
  // Pass the pipeline's gate.
  std::unique_ptr<personalize::PersonaLearner> learner_;
  std::unique_ptr<personalize::NewcomerPass> newcomers_;
  std::unique_ptr<personalize::FeedbackRecorder> feedback_;
};

}  // namespace kith::runtime
