#include "kith/runtime/application.h"

#include <unistd.h>

#include "kith/base/log.h"
#include "kith/runtime/embeddings.h"
#include "kith/runtime/engine_completions.h"
#include "kith/runtime/engine_generator.h"
#include "kith/runtime/model_settings.h"
#include "kith/runtime/resources.h"
#include "kith/runtime/server_file.h"
#include "kith/runtime/upstream_completions.h"
#include "kith/runtime/upstream_generator.h"
#include "kith/server/server.h"
#include "kith/tuning/job.h"

namespace kith::runtime {
namespace {

namespace fs = std::filesystem;

base::HeadStarts head_starts(const Config& config) {
  return {.high = std::chrono::milliseconds(config.server.head_start_high_ms),
          .urgent = std::chrono::milliseconds(config.server.head_start_urgent_ms)};
}

Result<std::unique_ptr<personalize::Generator>> make_engine(const Config& config,
                                                            const base::Clock& clock) {
  EngineGeneratorOptions options;
  options.model_dir = model_directory(config);
  options.decoder = decoder_options(config);
  options.adapters_dir = config.model.adapters.empty() ? options.model_dir / "adapters"
                                                       : fs::path(config.model.adapters);
  options.bridge_dir = config.user_encoder.bridge;
  options.max_adapter_bytes = static_cast<std::size_t>(config.model.adapters_mb) << 20;
  options.chat_format = config.model.chat_format;
  options.kv_tokens = config.model.kv_tokens;
  options.engine.head_starts = head_starts(config);
  KITH_ASSIGN_OR_RETURN(auto generator, EngineGenerator::create(options, clock));
  return std::unique_ptr<personalize::Generator>(std::move(generator));
}

Result<std::unique_ptr<upstream::OpenAiClient>> make_client(const Config& config) {
  return upstream::OpenAiClient::create(
      {.base_url = config.upstream.url, .api_key = config.upstream.api_key});
}

Result<std::unique_ptr<personalize::Generator>> make_upstream(const Config& config) {
  KITH_ASSIGN_OR_RETURN(auto client, make_client(config));
  UpstreamOptions options{.model = config.upstream.model,
                          .context_tokens = config.upstream.context_tokens,
                          .takes_embeddings = config.upstream.dialect == "vllm",
                          .bridge = nullptr};
  if (options.takes_embeddings && !config.user_encoder.bridge.empty()) {
    KITH_ASSIGN_OR_RETURN(options.bridge,
                          model::SoftPromptBridge::load(config.user_encoder.bridge));
  }
  return std::unique_ptr<personalize::Generator>(
      std::make_unique<UpstreamGenerator>(std::move(client), std::move(options)));
}

// What users' memories go through on their way into the generator's model; absent: nothing takes
// them.
std::optional<model::Bridge> find_bridge(const personalize::Generator& generator) {
  if (const auto* engine = dynamic_cast<const EngineGenerator*>(&generator)) {
    return engine->bridge();
  }
  const auto* upstream = dynamic_cast<const UpstreamGenerator*>(&generator);
  if (upstream == nullptr || upstream->bridge() == nullptr) return std::nullopt;
  return model::Bridge{.cross_attention = nullptr, .soft_prompt = upstream->bridge()};
}

server::ServerOptions server_options(const Config& config, std::string token) {
  server::ServerOptions options;
  options.host = config.server.host;
  options.port = static_cast<std::uint16_t>(config.server.port);
  options.max_body_bytes = static_cast<std::size_t>(config.server.max_body_mb) << 20;
  options.generation_threads = static_cast<std::size_t>(config.server.workers);
  options.generations_waiting = static_cast<std::size_t>(config.server.max_requests);
  options.head_starts = head_starts(config);
  options.min_fleet_users = config.personas.min_fleet_users;
  options.ignores_unknown_fields = config.server.ignore_unknown_fields;
  options.accepts_any_model = config.server.accept_any_model;
  options.trusted_peers = config.server.trusted_peers;
  options.cors_origins = config.server.cors_origins;
  options.local_token = std::move(token);
  const fs::path web = config.server.web.empty() ? web_directory() : fs::path(config.server.web);
  std::error_code error;
  if (fs::exists(web / "index.html", error)) options.web_directory = web;
  return options;
}

}  // namespace

personalize::PipelineOptions pipeline_options(const Config& config) {
  personalize::PipelineOptions options;
  options.default_system = config.answer.default_system;
  options.own_drafts = config.answer.drafts;
  options.max_passages = config.answer.max_passages;
  options.own_extractive = config.answer.extractive;
  options.own_evidence = config.answer.evidence;
  return options;
}

Result<std::unique_ptr<personalize::Generator>> make_generator(const Config& config,
                                                               const base::Clock& clock) {
  return config.upstream.url.empty() ? make_engine(config, clock) : make_upstream(config);
}

Result<std::unique_ptr<server::CompletionService>> make_completions(
    const Config& config, personalize::Generator& generator) {
  std::unique_ptr<server::CompletionService> completions;
  if (auto* engine = dynamic_cast<EngineGenerator*>(&generator)) {
    completions = std::make_unique<EngineCompletions>(*engine);
    return completions;
  }
  KITH_ASSIGN_OR_RETURN(auto client, make_client(config));
  completions = std::make_unique<UpstreamCompletions>(std::move(client));
  return completions;
}

Result<std::unique_ptr<Application>> Application::create(const Config& config) {
  KITH_ASSIGN_OR_RETURN(auto installation, Installation::open(config));
  return create(config, std::move(installation));
}

Result<std::unique_ptr<Application>> Application::create(
    const Config& config, std::unique_ptr<Installation> installation) {
  auto application = std::unique_ptr<Application>(new Application(config));
  application->installation_ = std::move(installation);
  Installation& home = *application->installation_;
  KITH_ASSIGN_OR_RETURN(application->generator_, make_generator(config, home.clock()));
  // One thread computes for both: two teams of compute threads would slow each other down.
  auto* own_engine = dynamic_cast<EngineGenerator*>(application->generator_.get());
  KITH_ASSIGN_OR_RETURN(
      application->embeddings_,
      make_embeddings(config, own_engine == nullptr ? nullptr : &own_engine->compute_thread(),
                      home.clock()));
  KITH_ASSIGN_OR_RETURN(application->completions_,
                        make_completions(config, *application->generator_));
  if (own_engine != nullptr) {
    KITH_ASSIGN_OR_RETURN(application->versions_,
                          ServedVersions::create(home, &own_engine->adapters()));
  }
  KITH_ASSIGN_OR_RETURN(
      application->user_encoder_,
      make_user_encoder(config, own_engine == nullptr ? nullptr : &own_engine->compute_thread(),
                        home, application->metrics_));
  const auto bridge = find_bridge(*application->generator_);
  if (application->user_encoder_ != nullptr && bridge) {
    KITH_RETURN_IF_ERROR(check_bridge(*bridge, application->user_encoder_->shape()));
  } else if (bridge) {
    base::log_warn("user_encoder.bridge is not used: there is no user encoder yet");
  }
  const personalize::PipelineServices services{.generator = *application->generator_,
                                               .stores = home.stores(),
                                               .metrics = application->metrics_,
                                               .clock = home.clock(),
                                               .versions = application->versions_.get(),
                                               .user_encoder = application->user_encoder_.get()};
  KITH_ASSIGN_OR_RETURN(application->pipeline_,
                        personalize::Pipeline::create(services, home.assigner(),
                                                      pipeline_options(config), home.router()));
  application->learner_ = std::make_unique<personalize::PersonaLearner>(
      home.stores(), home.assigner(), home.clock(), &application->pipeline_->recording_gate());
  application->newcomers_ =
      std::make_unique<personalize::NewcomerPass>(home.stores(), home.assigner(), home.clock());
  application->feedback_ = std::make_unique<personalize::FeedbackRecorder>(
      home.stores(), home.clock(), application->versions_.get(), application->learner_.get());
  return application;
}

Status Application::serve(const std::function<void(const std::string& url)>& on_ready) {
  const server::Services services{
      .pipeline = *pipeline_,
      .generator = *generator_,
      .feedback = *feedback_,
      .knowledge = installation_->knowledge(),
      .stores = installation_->stores(),
      .assigner = installation_->assigner(),
      .metrics = metrics_,
      .clock = installation_->clock(),
      .embeddings = embeddings_.get(),
      .completions = completions_.get(),
      .versions = versions_.get(),
      .learner = learner_.get(),
      .newcomers = newcomers_.get(),
      .user_embeddings = user_encoder_.get(),
      .forget_elsewhere = [this](const storage::Scope& scope) -> Status {
        KITH_RETURN_IF_ERROR(tuning::forget_user(installation_->path(), scope));
        if (user_encoder_ != nullptr) user_encoder_->forget(scope);
        return {};
      }};
  KITH_ASSIGN_OR_RETURN(const std::string token, make_token());
  KITH_ASSIGN_OR_RETURN(const auto server,
                        server::Server::create(server_options(config_, token), services));
  KITH_RETURN_IF_ERROR(write_server_file(
      installation_->path(), {.pid = ::getpid(), .url = server->url(), .token = token}));
  signals_.watch([&server] { server->stop(); });
  newcomers_->begin(default_tenant());
  on_ready(server->url());
  server->run();
  remove_server_file(installation_->path());
  base::log_info("stopped");
  return {};
}

}  // namespace kith::runtime
