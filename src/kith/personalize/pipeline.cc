#include "kith/personalize/pipeline.h"

#include <algorithm>
#include <mutex>
#include <random>

#include "kith/base/rng.h"
#include "kith/personalize/session.h"
#include "kith/profile/erase.h"

namespace kith::personalize {
namespace {

constexpr int kMaxChoices = 128;
constexpr int kMaxDrafts = 8;

Error invalid(const std::string& message) { return Error{ErrorCode::kInvalidArgument, message}; }

bool is_share(double value) { return value >= 0.0 && value <= 1.0; }

Status check_options(const PipelineOptions& options) {
  if (options.max_passages < 0) return invalid("max_passages must be >= 0");
  if (options.max_exchanges < 0) return invalid("max_exchanges must be >= 0");
  if (options.answer_tokens < 1) return invalid("answer_tokens must be >= 1");
  if (options.step_threads < 1) return invalid("step_threads must be >= 1");
  if (!is_share(options.passages_share) || !is_share(options.history_share)) {
    return invalid("passages_share and history_share must be in [0, 1]");
  }
  if (!is_share(options.min_passage_coverage) || !is_share(options.min_evidence_coverage)) {
    return invalid("min_passage_coverage and min_evidence_coverage must be in [0, 1]");
  }
  for (const int drafts : {options.own_drafts, options.upstream_drafts}) {
    if (drafts < 1 || drafts > kMaxDrafts) return invalid("drafts must be in [1, 8]");
  }
  return {};
}

Status check_request(const ChatRequest& request, const GeneratorCapabilities& capabilities) {
  const bool has_user = std::any_of(request.messages.begin(), request.messages.end(),
                                    [](const Message& message) { return message.role == "user"; });
  if (!has_user) return invalid("messages must hold at least one message of role user");
  if (request.num_choices < 1 || request.num_choices > kMaxChoices) {
    return invalid("n must be in [1, 128]: " + std::to_string(request.num_choices));
  }
  if (request.num_drafts && (*request.num_drafts < 1 || *request.num_drafts > kMaxDrafts)) {
    return invalid("kith.candidates must be in [1, 8]: " + std::to_string(*request.num_drafts));
  }
  if (request.max_tokens && *request.max_tokens < 1) {
    return invalid("max_tokens must be >= 1: " + std::to_string(*request.max_tokens));
  }
  if (capabilities.is_own_engine && !request.upstream_only.empty()) {
    return invalid(request.upstream_only.front() + " is not supported by the built-in engine");
  }
  if (!request.scope.user.empty()) return storage::check_scope(request.scope);
  return storage::check_scope(request.scope.tenant_scope());
}

std::uint64_t system_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

std::string to_hex(std::uint64_t value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (int shift = 60; shift >= 0; shift -= 4) out.push_back(kDigits[(value >> shift) & 15]);
  return out;
}

}  // namespace

class Pipeline::Impl {
 public:
  Impl(const PipelineServices& services, std::shared_ptr<const persona::Assigner> assigner,
       std::shared_ptr<const persona::Router> router, const PipelineOptions& options)
      : rng_(options.id_seed ? *options.id_seed : system_seed()),
        kit_{services,
             std::move(assigner),
             std::move(router),
             options,
             memory::Knowledge(services.stores.knowledge(), services.clock),
             TokenCounter(services.generator),
             {},
             StepRunner(options.step_threads),
             StepRunner(options.step_threads)} {
    if (services.versions == nullptr) return;
    shadow_ = std::make_unique<ShadowRunner>(services.generator, services.stores.decisions(),
                                             kit_.gate, *services.versions, services.clock);
    kit_.shadow = shadow_.get();
  }

  Result<ChatAnswer> answer(const ChatRequest& request, AnswerSink* sink,
                            const CancelToken& cancel) {
    const ShadowRunner::Request in_work(shadow_.get());
    auto result = run(request, sink, cancel);
    kit_.services.metrics.on_request(result ? "answered" : name_of(result.error().code));
    return result;
  }

  Result<storage::EraseReceipt> erase_user(const storage::Scope& scope) {
    return kit_.gate.erase(scope, [&] {
      return profile::erase_user(kit_.services.stores, scope, kit_.services.clock);
    });
  }

  const SessionKit& kit() const { return kit_; }
  RecordingGate& gate() { return kit_.gate; }

 private:
  Result<ChatAnswer> run(const ChatRequest& request, AnswerSink* sink, const CancelToken& cancel) {
    KITH_RETURN_IF_ERROR(check_request(request, kit_.services.generator.capabilities()));
    const SessionIds ids = make_ids();
    return Session(kit_, request, ids, sink, cancel).run();
  }

  SessionIds make_ids() {
    const std::lock_guard lock(mutex_);
    const std::string name = to_hex(rng_()) + to_hex(rng_()).substr(0, 8);
    return SessionIds{DecisionId("dec_" + name), "chatcmpl-" + name, ConversationId("conv_" + name),
                      ConversationId("conv_" + name + "_b"), rng_() >> 1};
  }

  std::mutex mutex_;
  base::Rng rng_;
  SessionKit kit_;
  std::unique_ptr<ShadowRunner> shadow_;  // uses the kit
};

Result<std::unique_ptr<Pipeline>> Pipeline::create(
    const PipelineServices& services, std::shared_ptr<const persona::Assigner> assigner,
    const PipelineOptions& options, std::shared_ptr<const persona::Router> router) {
  KITH_RETURN_IF_ERROR(check_options(options));
  auto impl = std::make_unique<Impl>(services, std::move(assigner), std::move(router), options);
  return std::unique_ptr<Pipeline>(new Pipeline(std::move(impl)));
}

Pipeline::Pipeline(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Pipeline::~Pipeline() = default;

Result<ChatAnswer> Pipeline::answer(const ChatRequest& request, AnswerSink* sink,
                                    const CancelToken& cancel) {
  return impl_->answer(request, sink, cancel);
}

Result<storage::EraseReceipt> Pipeline::erase_user(const storage::Scope& scope) {
  return impl_->erase_user(scope);
}

RecordingGate& Pipeline::recording_gate() { return impl_->gate(); }

const persona::PersonaCatalogue& Pipeline::catalogue() const {
  static const persona::PersonaCatalogue kNone;
  const auto& assigner = impl_->kit().assigner;
  return assigner == nullptr ? kNone : assigner->catalogue();
}

}  // namespace kith::personalize
