#include "kith/storage/faulty/faulty_store_set.h"

#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>

namespace kith::storage {
namespace {

// Decides which calls fail. Thread-safe.
class FaultGate {
 public:
  void set_plan(const FaultPlan& plan) {
    const std::lock_guard lock(mutex_);
    plan_ = plan;
    num_calls_ = 0;
    num_failures_ = 0;
  }
  std::int64_t num_calls() const {
    const std::lock_guard lock(mutex_);
    return num_calls_;
  }
  std::int64_t num_failures() const {
    const std::lock_guard lock(mutex_);
    return num_failures_;
  }

  // Runs `call`, which returns a Result, or fails in its place.
  template <typename Call>
  std::invoke_result_t<Call> pass(Call&& call) {
    FaultPlan plan;
    const bool fails = enter(plan);
    if (plan.delay.count() > 0) std::this_thread::sleep_for(plan.delay);
    if (!fails) return call();
    if (plan.after_the_work) static_cast<void>(call());
    return Error{plan.code, "injected fault"};
  }

 private:
  bool enter(FaultPlan& plan) {
    const std::lock_guard lock(mutex_);
    plan = plan_;
    ++num_calls_;
    const bool fails =
        num_calls_ == plan_.fail_at || (plan_.fail_every > 0 && num_calls_ % plan_.fail_every == 0);
    if (fails) ++num_failures_;
    return fails;
  }

  mutable std::mutex mutex_;
  FaultPlan plan_;
  std::int64_t num_calls_ = 0;
  std::int64_t num_failures_ = 0;
};

class FaultyUserStore final : public UserStore {
 public:
  FaultyUserStore(UserStore& inner, FaultGate& gate) : inner_(inner), gate_(gate) {}
  Result<WriteOutcome> upsert(const Scope& scope, const Attributes& attributes,
                              base::UnixMicros at) override {
    return gate_.pass([&] { return inner_.upsert(scope, attributes, at); });
  }
  Result<std::optional<UserRow>> find(const Scope& scope) override {
    return gate_.pass([&] { return inner_.find(scope); });
  }
  Result<std::vector<UserRow>> list(const TenantScope& scope, const UserId& after,
                                    std::size_t limit) override {
    return gate_.pass([&] { return inner_.list(scope, after, limit); });
  }
  Result<EraseReceipt> erase(const Scope& scope, base::UnixMicros at) override {
    return gate_.pass([&] { return inner_.erase(scope, at); });
  }

 private:
  UserStore& inner_;
  FaultGate& gate_;
};

class FaultyConsentStore final : public ConsentStore {
 public:
  FaultyConsentStore(ConsentStore& inner, FaultGate& gate) : inner_(inner), gate_(gate) {}
  Result<bool> allows(const Scope& scope, std::string_view purpose) override {
    return gate_.pass([&] { return inner_.allows(scope, purpose); });
  }
  Result<WriteOutcome> set(const Scope& scope, std::string_view purpose, bool granted,
                           base::UnixMicros at) override {
    return gate_.pass([&] { return inner_.set(scope, purpose, granted, at); });
  }
  Result<std::vector<ConsentRow>> list(const Scope& scope) override {
    return gate_.pass([&] { return inner_.list(scope); });
  }

 private:
  ConsentStore& inner_;
  FaultGate& gate_;
};

class FaultyPersonaStore final : public PersonaStore {
 public:
  FaultyPersonaStore(PersonaStore& inner, FaultGate& gate) : inner_(inner), gate_(gate) {}
  Status put(const Scope& scope, const PersonaAssignment& assignment) override {
    return gate_.pass([&] { return inner_.put(scope, assignment); });
  }
  Result<std::optional<PersonaAssignment>> find(const Scope& scope) override {
    return gate_.pass([&] { return inner_.find(scope); });
  }
  Result<std::vector<PersonaChange>> changes(const Scope& scope) override {
    return gate_.pass([&] { return inner_.changes(scope); });
  }
  Result<std::map<PersonaId, std::int64_t>> count_users(const TenantScope& scope) override {
    return gate_.pass([&] { return inner_.count_users(scope); });
  }

 private:
  PersonaStore& inner_;
  FaultGate& gate_;
};

class FaultyConversationStore final : public ConversationStore {
 public:
  FaultyConversationStore(ConversationStore& inner, FaultGate& gate) : inner_(inner), gate_(gate) {}
  Result<int> append(const Scope& scope, const ConversationId& conversation, int first_index,
                     std::span<const NewTurn> turns) override {
    return gate_.pass([&] { return inner_.append(scope, conversation, first_index, turns); });
  }
  Status fork(const Scope& scope, const ConversationId& from, int num_turns,
              const ConversationId& to, base::UnixMicros at) override {
    return gate_.pass([&] { return inner_.fork(scope, from, num_turns, to, at); });
  }
  Result<std::optional<ConversationRow>> find(const Scope& scope,
                                              const ConversationId& conversation) override {
    return gate_.pass([&] { return inner_.find(scope, conversation); });
  }
  Result<std::vector<TurnRef>> find_prefix(const Scope& scope,
                                           const std::string& prefix_hash) override {
    return gate_.pass([&] { return inner_.find_prefix(scope, prefix_hash); });
  }
  Result<std::optional<TurnRow>> find_completion(const Scope& scope,
                                                 const std::string& completion) override {
    return gate_.pass([&] { return inner_.find_completion(scope, completion); });
  }
  Result<std::vector<TurnRow>> turns(const Scope& scope,
                                     const ConversationId& conversation) override {
    return gate_.pass([&] { return inner_.turns(scope, conversation); });
  }
  Result<std::vector<TurnRow>> recent_turns(const Scope& scope, std::size_t limit) override {
    return gate_.pass([&] { return inner_.recent_turns(scope, limit); });
  }
  Result<std::vector<ConversationRow>> list(const Scope& scope, std::size_t limit) override {
    return gate_.pass([&] { return inner_.list(scope, limit); });
  }
  Status set_rating(const Scope& scope, const TurnRef& turn, double rating) override {
    return gate_.pass([&] { return inner_.set_rating(scope, turn, rating); });
  }

 private:
  ConversationStore& inner_;
  FaultGate& gate_;
};

class FaultyDecisionStore final : public DecisionStore {
 public:
  FaultyDecisionStore(DecisionStore& inner, FaultGate& gate) : inner_(inner), gate_(gate) {}
  Status put(const Scope& scope, const DecisionRow& decision) override {
    return gate_.pass([&] { return inner_.put(scope, decision); });
  }
  Result<std::optional<DecisionRow>> find(const Scope& scope, const DecisionId& id) override {
    return gate_.pass([&] { return inner_.find(scope, id); });
  }
  Result<std::optional<DecisionRow>> find_completion(const Scope& scope,
                                                     const std::string& completion) override {
    return gate_.pass([&] { return inner_.find_completion(scope, completion); });
  }
  Result<std::optional<DecisionRow>> find_in_tenant(const TenantScope& scope,
                                                    const DecisionId& id) override {
    return gate_.pass([&] { return inner_.find_in_tenant(scope, id); });
  }
  Result<std::vector<DecisionRow>> list(const Scope& scope, std::size_t limit) override {
    return gate_.pass([&] { return inner_.list(scope, limit); });
  }
  Result<bool> set_shadow(const Scope& scope, const DecisionId& id,
                          const std::string& shadow) override {
    return gate_.pass([&] { return inner_.set_shadow(scope, id, shadow); });
  }

 private:
  DecisionStore& inner_;
  FaultGate& gate_;
};

class FaultyFeedbackStore final : public FeedbackStore {
 public:
  FaultyFeedbackStore(FeedbackStore& inner, FaultGate& gate) : inner_(inner), gate_(gate) {}
  Result<bool> add(const Scope& scope, const FeedbackRow& feedback) override {
    return gate_.pass([&] { return inner_.add(scope, feedback); });
  }
  Result<std::vector<FeedbackRow>> list_decision(const Scope& scope,
                                                 const DecisionId& decision) override {
    return gate_.pass([&] { return inner_.list_decision(scope, decision); });
  }
  Result<std::vector<FeedbackRow>> list(const Scope& scope, std::size_t limit) override {
    return gate_.pass([&] { return inner_.list(scope, limit); });
  }

 private:
  FeedbackStore& inner_;
  FaultGate& gate_;
};

class FaultyFleetStore final : public FleetStore {
 public:
  FaultyFleetStore(FleetStore& inner, FaultGate& gate) : inner_(inner), gate_(gate) {}
  Result<FleetFigures> figures(const TenantScope& scope, const FleetQuery& query) override {
    return gate_.pass([&] { return inner_.figures(scope, query); });
  }
  Result<bool> note(const Scope& scope, const PersonaId& persona, base::UnixMicros at) override {
    return gate_.pass([&] { return inner_.note(scope, persona, at); });
  }
  Result<std::vector<UserRow>> list_unnoted(const TenantScope& scope, const UserId& after,
                                            std::size_t limit) override {
    return gate_.pass([&] { return inner_.list_unnoted(scope, after, limit); });
  }

 private:
  FleetStore& inner_;
  FaultGate& gate_;
};

class FaultyEventStore final : public EventStore {
 public:
  FaultyEventStore(EventStore& inner, FaultGate& gate) : inner_(inner), gate_(gate) {}
  Result<bool> add(const Scope& scope, const EventRow& event) override {
    return gate_.pass([&] { return inner_.add(scope, event); });
  }
  Result<std::vector<EventRow>> list(const Scope& scope, std::string_view kind,
                                     std::size_t limit) override {
    return gate_.pass([&] { return inner_.list(scope, kind, limit); });
  }

 private:
  EventStore& inner_;
  FaultGate& gate_;
};

class FaultyTimelineStore final : public TimelineStore {
 public:
  FaultyTimelineStore(TimelineStore& inner, FaultGate& gate) : inner_(inner), gate_(gate) {}
  Result<std::vector<WriteOutcome>> add(const TenantScope& scope,
                                        std::span<const UserEvent> events) override {
    return gate_.pass([&] { return inner_.add(scope, events); });
  }
  Result<std::optional<TimelineHead>> head(const Scope& scope) override {
    return gate_.pass([&] { return inner_.head(scope); });
  }
  Result<std::vector<PlacedEvent>> after(const Scope& scope, const TimelinePosition& position,
                                         std::size_t limit) override {
    return gate_.pass([&] { return inner_.after(scope, position, limit); });
  }
  Result<std::vector<PlacedEvent>> newest(const Scope& scope,
                                          std::optional<TimelinePosition> position,
                                          std::size_t limit) override {
    return gate_.pass([&] { return inner_.newest(scope, position, limit); });
  }
  Result<std::vector<UserId>> users(const TenantScope& scope, const UserId& after,
                                    std::size_t limit) override {
    return gate_.pass([&] { return inner_.users(scope, after, limit); });
  }

 private:
  TimelineStore& inner_;
  FaultGate& gate_;
};

class FaultyKnowledgeStore final : public KnowledgeStore {
 public:
  FaultyKnowledgeStore(KnowledgeStore& inner, FaultGate& gate) : inner_(inner), gate_(gate) {}
  Result<WriteOutcome> put(const TenantScope& scope, const DocumentRow& document,
                           std::span<const NewChunk> chunks) override {
    return gate_.pass([&] { return inner_.put(scope, document, chunks); });
  }
  Result<std::optional<DocumentRow>> find(const TenantScope& scope, const DocumentId& id) override {
    return gate_.pass([&] { return inner_.find(scope, id); });
  }
  Result<std::vector<DocumentRow>> list(const TenantScope& scope, const DocumentId& after,
                                        std::size_t limit) override {
    return gate_.pass([&] { return inner_.list(scope, after, limit); });
  }
  Result<bool> erase(const TenantScope& scope, const DocumentId& id) override {
    return gate_.pass([&] { return inner_.erase(scope, id); });
  }
  Result<std::vector<ChunkHit>> search(const TenantScope& scope,
                                       const KnowledgeQuery& query) override {
    return gate_.pass([&] { return inner_.search(scope, query); });
  }
  Result<std::vector<std::int64_t>> count_terms(const TenantScope& scope,
                                                std::span<const std::string> terms) override {
    return gate_.pass([&] { return inner_.count_terms(scope, terms); });
  }

 private:
  KnowledgeStore& inner_;
  FaultGate& gate_;
};

class FaultyKeyStore final : public KeyStore {
 public:
  FaultyKeyStore(KeyStore& inner, FaultGate& gate) : inner_(inner), gate_(gate) {}
  Status add(const ApiKeyRow& key) override {
    return gate_.pass([&] { return inner_.add(key); });
  }
  Result<std::optional<ApiKeyRow>> find(const std::string& id) override {
    return gate_.pass([&] { return inner_.find(id); });
  }
  Result<bool> has_any() override {
    return gate_.pass([&] { return inner_.has_any(); });
  }
  Result<std::vector<ApiKeyRow>> list(const TenantScope& scope) override {
    return gate_.pass([&] { return inner_.list(scope); });
  }
  Result<bool> revoke(const TenantScope& scope, const std::string& id,
                      base::UnixMicros at) override {
    return gate_.pass([&] { return inner_.revoke(scope, id, at); });
  }

 private:
  KeyStore& inner_;
  FaultGate& gate_;
};

class FaultyAdapterVersionStore final : public AdapterVersionStore {
 public:
  FaultyAdapterVersionStore(AdapterVersionStore& inner, FaultGate& gate)
      : inner_(inner), gate_(gate) {}
  Status add(const AdapterVersionRow& row, std::span<const Scope> contributors) override {
    return gate_.pass([&] { return inner_.add(row, contributors); });
  }
  Result<int> next_version(const AdapterId& adapter) override {
    return gate_.pass([&] { return inner_.next_version(adapter); });
  }
  Result<std::optional<AdapterVersionRow>> find(const AdapterVersionId& id) override {
    return gate_.pass([&] { return inner_.find(id); });
  }
  Result<std::optional<AdapterVersionRow>> find_status(const AdapterId& adapter,
                                                       VersionStatus status) override {
    return gate_.pass([&] { return inner_.find_status(adapter, status); });
  }
  Result<std::vector<AdapterVersionRow>> list(const AdapterId& adapter) override {
    return gate_.pass([&] { return inner_.list(adapter); });
  }
  Status change(const VersionChange& change, const ChangeOptions& options) override {
    return gate_.pass([&] { return inner_.change(change, options); });
  }
  Status set_gate(const AdapterVersionId& id, const GateOutcome& gate,
                  const std::string& by) override {
    return gate_.pass([&] { return inner_.set_gate(id, gate, by); });
  }
  Status set_metrics(const AdapterVersionId& id, const std::string& metrics) override {
    return gate_.pass([&] { return inner_.set_metrics(id, metrics); });
  }
  Status set_trial(const AdapterVersionId& id, const std::string& trial) override {
    return gate_.pass([&] { return inner_.set_trial(id, trial); });
  }
  Result<bool> add_flag(const AdapterVersionId& id, const std::string& flag,
                        base::UnixMicros at) override {
    return gate_.pass([&] { return inner_.add_flag(id, flag, at); });
  }
  Result<std::vector<VersionThumbs>> thumbs(const AdapterId& adapter,
                                            base::UnixMicros since) override {
    return gate_.pass([&] { return inner_.thumbs(adapter, since); });
  }
  Result<std::vector<ShadowAnswer>> shadows(const AdapterVersionId& id,
                                            std::size_t limit) override {
    return gate_.pass([&] { return inner_.shadows(id, limit); });
  }
  Result<std::vector<VersionChange>> history(const AdapterId& adapter, std::size_t limit) override {
    return gate_.pass([&] { return inner_.history(adapter, limit); });
  }
  Result<std::vector<Scope>> contributors(const AdapterVersionId& id) override {
    return gate_.pass([&] { return inner_.contributors(id); });
  }
  Result<std::vector<AdapterVersionId>> contributions(const Scope& scope) override {
    return gate_.pass([&] { return inner_.contributions(scope); });
  }

 private:
  AdapterVersionStore& inner_;
  FaultGate& gate_;
};

class FaultyEmbeddingStore final : public EmbeddingStore {
 public:
  FaultyEmbeddingStore(EmbeddingStore& inner, FaultGate& gate) : inner_(inner), gate_(gate) {}
  Result<bool> put(const Scope& scope, const EmbeddingRow& row) override {
    return gate_.pass([&] { return inner_.put(scope, row); });
  }
  Result<std::optional<EmbeddingRow>> find(const Scope& scope,
                                           const std::string& version) override {
    return gate_.pass([&] { return inner_.find(scope, version); });
  }
  Result<std::vector<EmbeddingRow>> list(const Scope& scope) override {
    return gate_.pass([&] { return inner_.list(scope); });
  }
  Result<std::vector<EmbeddedUser>> page(const TenantScope& scope, const std::string& version,
                                         const UserId& after, std::size_t limit) override {
    return gate_.pass([&] { return inner_.page(scope, version, after, limit); });
  }
  Result<std::vector<UserId>> stale(const TenantScope& scope, const std::string& version,
                                    const UserId& after, std::size_t limit) override {
    return gate_.pass([&] { return inner_.stale(scope, version, after, limit); });
  }
  Result<EmbeddingCoverage> coverage(const TenantScope& scope,
                                     const std::string& version) override {
    return gate_.pass([&] { return inner_.coverage(scope, version); });
  }
  Result<std::map<std::string, std::int64_t>> versions(const TenantScope& scope) override {
    return gate_.pass([&] { return inner_.versions(scope); });
  }
  Result<std::vector<TenantId>> tenants() override {
    return gate_.pass([&] { return inner_.tenants(); });
  }
  Result<std::int64_t> remove_others(const TenantScope& scope, const std::string& version,
                                     std::size_t limit) override {
    return gate_.pass([&] { return inner_.remove_others(scope, version, limit); });
  }
  Result<std::int64_t> remove_refused(const TenantScope& scope) override {
    return gate_.pass([&] { return inner_.remove_refused(scope); });
  }

 private:
  EmbeddingStore& inner_;
  FaultGate& gate_;
};

class FaultyStoreSetImpl final : public FaultyStoreSet {
 public:
  explicit FaultyStoreSetImpl(StoreSet& inner)
      : inner_(inner),
        users_(inner.users(), gate_),
        consents_(inner.consents(), gate_),
        personas_(inner.personas(), gate_),
        conversations_(inner.conversations(), gate_),
        decisions_(inner.decisions(), gate_),
        feedback_(inner.feedback(), gate_),
        fleet_(inner.fleet(), gate_),
        events_(inner.events(), gate_),
        timelines_(inner.timelines(), gate_),
        embeddings_(inner.embeddings(), gate_),
        knowledge_(inner.knowledge(), gate_),
        keys_(inner.keys(), gate_),
        adapter_versions_(inner.adapter_versions(), gate_) {}

  void set_plan(const FaultPlan& plan) override { gate_.set_plan(plan); }
  std::int64_t num_calls() const override { return gate_.num_calls(); }
  std::int64_t num_failures() const override { return gate_.num_failures(); }

  UserStore& users() override { return users_; }
  ConsentStore& consents() override { return consents_; }
  PersonaStore& personas() override { return personas_; }
  // Its calls are counted one by one.
  Status group(const std::function<Status()>& work) override { return inner_.group(work); }
  ConversationStore& conversations() override { return conversations_; }
  DecisionStore& decisions() override { return decisions_; }
  FeedbackStore& feedback() override { return feedback_; }
  FleetStore& fleet() override { return fleet_; }
  EventStore& events() override { return events_; }
  TimelineStore& timelines() override { return timelines_; }
  EmbeddingStore& embeddings() override { return embeddings_; }
  KnowledgeStore& knowledge() override { return knowledge_; }
  KeyStore& keys() override { return keys_; }
  AdapterVersionStore& adapter_versions() override { return adapter_versions_; }

 private:
  StoreSet& inner_;
  FaultGate gate_;
  FaultyUserStore users_;
  FaultyConsentStore consents_;
  FaultyPersonaStore personas_;
  FaultyConversationStore conversations_;
  FaultyDecisionStore decisions_;
  FaultyFeedbackStore feedback_;
  FaultyFleetStore fleet_;
  FaultyEventStore events_;
  FaultyTimelineStore timelines_;
  FaultyEmbeddingStore embeddings_;
  FaultyKnowledgeStore knowledge_;
  FaultyKeyStore keys_;
  FaultyAdapterVersionStore adapter_versions_;
};

}  // namespace

std::unique_ptr<FaultyStoreSet> make_faulty(StoreSet& inner) {
  return std::make_unique<FaultyStoreSetImpl>(inner);
}

}  // namespace kith::storage
