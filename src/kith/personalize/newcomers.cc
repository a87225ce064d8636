#include "kith/personalize/newcomers.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>
#include <vector>

#include "kith/base/log.h"

namespace kith::personalize {
namespace {

// Users of one commit.
constexpr std::size_t kPage = 100;

struct Note {
  storage::Scope scope;
  PersonaId persona;
};

// Nobody without consent.
Result<PersonaId> persona_of(const NewcomerSources& sources, const storage::Scope& scope,
                             const storage::UserRow& user) {
  KITH_ASSIGN_OR_RETURN(const auto consents, sources.stores.consents().list(scope));
  if (!storage::is_allowed(consents, storage::kConsentPersonalize) ||
      !storage::is_allowed(consents, storage::kConsentLearn)) {
    return PersonaId{};
  }
  const persona::UserFacts facts{.attributes = user.attributes,
                                 .recorded_at = user.recorded_at,
                                 .context = {},
                                 .now = sources.clock.now()};
  const auto assignment = sources.assigner.assign(facts, {});
  // As Assigner::to_row() ranks them; its document would take longer than all the rest.
  const auto& weights = assignment.weights;
  const bool is_nobody = weights.empty() || weights.front().probability < assignment.abstain;
  return is_nobody ? PersonaId(persona::kNoPersona) : weights.front().persona;
}

Result<std::vector<Note>> notes_of(const NewcomerSources& sources,
                                   const storage::TenantScope& tenant,
                                   const std::vector<storage::UserRow>& users) {
  std::vector<Note> notes;
  for (const storage::UserRow& user : users) {
    storage::Scope scope{tenant.tenant, user.id};
    KITH_ASSIGN_OR_RETURN(PersonaId persona, persona_of(sources, scope, user));
    if (!persona.empty()) notes.push_back({std::move(scope), std::move(persona)});
  }
  return notes;
}

// Who was erased, or has asked meanwhile, is left out by the store.
Status write(const NewcomerSources& sources, const std::vector<Note>& notes) {
  if (notes.empty()) return {};
  return sources.stores.group([&]() -> Status {
    const base::UnixMicros now = sources.clock.now();
    for (const Note& note : notes) {
      KITH_RETURN_IF_ERROR(sources.stores.fleet().note(note.scope, note.persona, now));
    }
    return {};
  });
}

}  // namespace

Status note_newcomers(const NewcomerSources& sources, const storage::TenantScope& tenant,
                      const std::stop_token& stop, const std::function<void()>& between) {
  for (UserId after;;) {
    if (stop.stop_requested()) return Error{ErrorCode::kCancelled, "the server ends"};
    KITH_ASSIGN_OR_RETURN(const auto users,
                          sources.stores.fleet().list_unnoted(tenant, after, kPage));
    KITH_ASSIGN_OR_RETURN(const auto notes, notes_of(sources, tenant, users));
    KITH_RETURN_IF_ERROR(write(sources, notes));
    if (users.size() < kPage) return {};
    after = users.back().id;
    if (between) between();
  }
}

NewcomerPass::NewcomerPass(storage::StoreSet& stores,
                           std::shared_ptr<const persona::Assigner> assigner,
                           const base::Clock& clock, std::chrono::milliseconds settle)
    : stores_(stores),
      assigner_(std::move(assigner)),
      clock_(clock),
      settle_(settle),
      thread_([this](const std::stop_token& stop) { loop(stop); }) {}

NewcomerPass::~NewcomerPass() { thread_.request_stop(); }

void NewcomerPass::begin(const storage::TenantScope& tenant) {
  if (assigner_ == nullptr) return;
  const std::lock_guard lock(mutex_);
  if (std::find(waiting_.begin(), waiting_.end(), tenant.tenant) != waiting_.end()) return;
  waiting_.push_back(tenant.tenant);
  changed_.notify_all();
}

void NewcomerPass::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return waiting_.empty() && !is_busy_; });
}

void NewcomerPass::loop(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return !waiting_.empty(); })) {
    is_busy_ = true;
    changed_.wait_for(lock, stop, settle_, [] { return false; });
    const storage::TenantScope tenant{waiting_.front()};
    waiting_.pop_front();
    lock.unlock();
    look(tenant, stop);
    lock.lock();
    is_busy_ = false;
    changed_.notify_all();
  }
}

void NewcomerPass::look(const storage::TenantScope& tenant, const std::stop_token& stop) {
  auto begun = clock_.monotonic();
  const auto rest = [&] {
    const auto took = clock_.monotonic() - begun;
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, took, [] { return false; });
    begun = clock_.monotonic();
  };
  // A library below may throw; nobody waits for this.
  try {
    const Status done = note_newcomers({stores_, *assigner_, clock_}, tenant, stop, rest);
    if (!done && done.error().code != ErrorCode::kCancelled) {
      base::log_warn("users who have not asked yet were not counted: " + done.error().message);
    }
  } catch (const std::exception& exception) {
    base::log_warn(std::string("users who have not asked yet were not counted: ") +
                   exception.what());
  }
}

}  // namespace kith::personalize
