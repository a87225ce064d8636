#include "kith/runtime/served_versions.h"

#include <algorithm>
#include <cmath>

#include "kith/base/json.h"
#include "kith/base/log.h"
#include "kith/persona/canary_trial.h"
#include "kith/persona/incoming_files.h"
#include "kith/tuning/registration.h"

namespace kith::runtime {
namespace {

using storage::AdapterVersionId;
using storage::AdapterVersionRow;
using storage::VersionStatus;

constexpr std::size_t kHistoryRows = 200;

// The user encoder is no adapter of the language model: a server reads it when it starts.
bool is_loaded(const AdapterId& adapter) { return adapter.str() != storage::kUserEncoder; }

AdapterId loaded_name(const AdapterVersionId& id) { return AdapterId(storage::to_string(id)); }

persona::VoteCounts votes_of(const std::vector<storage::VersionThumbs>& thumbs, int version) {
  for (const auto& count : thumbs) {
    if (count.version == version) return {count.up, count.down};
  }
  return {};
}

std::string trial_json(const persona::VoteCounts& canary, const persona::VoteCounts& serving,
                       double evidence) {
  return base::dump_json(
      base::OrderedJson{{"canary", {{"up", canary.up}, {"down", canary.down}}},
                        {"serving", {{"up", serving.up}, {"down", serving.down}}},
                        {"evidence", std::exp(std::min(evidence, 700.0))},
                        {"needed", 1.0 / persona::kCanaryErrorRate}});
}

// The trial of a shadow with one more answer, or one more that was dropped.
std::string counted(const std::string& trial, bool is_answered) {
  std::int64_t answered = is_answered ? 1 : 0;
  std::int64_t dropped = is_answered ? 0 : 1;
  const auto before = base::parse_json(trial.empty() ? "{}" : trial);
  if (before && before->is_object() && before->contains("shadow")) {
    answered += (*before)["shadow"].value("answered", std::int64_t{0});
    dropped += (*before)["shadow"].value("dropped", std::int64_t{0});
  }
  return base::dump_json(
      base::OrderedJson{{"shadow", {{"answered", answered}, {"dropped", dropped}}}});
}

}  // namespace

ServedVersions::ServedVersions(Installation& installation, engine::AdapterRegistry* adapters)
    : installation_(installation),
      adapters_(adapters),
      registry_(installation.stores().adapter_versions(), installation.path(),
                installation.clock()) {}

Result<std::unique_ptr<ServedVersions>> ServedVersions::create(Installation& installation,
                                                               engine::AdapterRegistry* adapters) {
  std::unique_ptr<ServedVersions> versions(new ServedVersions(installation, adapters));
  KITH_ASSIGN_OR_RETURN(const int swept, versions->registry_.sweep());
  persona::remove_all_incoming(installation.path());
  if (swept > 0) {
    base::log_info("removed " + std::to_string(swept) + " registrations that did not come to end");
  }
  if (adapters != nullptr) KITH_RETURN_IF_ERROR(versions->load_live());
  return versions;
}

Status ServedVersions::load_live() {
  for (const auto& info : adapters_->list()) own_[info.id] = info.dir;
  KITH_ASSIGN_OR_RETURN(const auto rows, registry_.list_live());
  for (const AdapterVersionRow& row : rows) {
    if (!is_loaded(row.id.adapter)) continue;
    if (const auto loaded = load(row); !loaded) {
      base::log_error("a version was left out: " + loaded.error().message);
      continue;
    }
    if (row.status == VersionStatus::kServing) serve(row);
    refresh_trials(row.id.adapter);
  }
  return {};
}

Result<AdapterId> ServedVersions::load(const AdapterVersionRow& row) {
  if (adapters_ == nullptr) {
    return Error{ErrorCode::kUnavailable, "there is no model that the version could be loaded on"};
  }
  KITH_ASSIGN_OR_RETURN(const auto path, registry_.verified_path(row));
  const AdapterId name = loaded_name(row.id);
  if (auto loaded = adapters_->load(name, path); !loaded) {
    // The path is the server's own business.
    return Error{loaded.error().code, storage::to_string(row.id) + " does not load on this model"};
  }
  remember(name, row.id.version);
  return name;
}

void ServedVersions::unload(const AdapterVersionId& id) {
  if (adapters_ == nullptr) return;
  const std::lock_guard lock(mutex_);
  for (const Trial& trial : trials_[id.adapter]) {
    if (trial.id == id) return;
  }
  static_cast<void>(adapters_->unload(loaded_name(id)));
}

void ServedVersions::remember(const AdapterId& loaded, int version) {
  for (const auto& info : adapters_->list()) {
    if (info.id != loaded) continue;
    const std::lock_guard lock(mutex_);
    versions_[{loaded, info.version}] = version;
  }
}

// The version is loaded under its own name already, so this cannot fail.
void ServedVersions::serve(const AdapterVersionRow& row) {
  if (adapters_ == nullptr || !is_loaded(row.id.adapter)) return;
  const AdapterId name = loaded_name(row.id);
  // Before the change: whoever gets the new weights finds their number.
  for (const auto& info : adapters_->list()) {
    if (info.id != name) continue;
    const std::lock_guard lock(mutex_);
    versions_[{row.id.adapter, info.version}] = row.id.version;
  }
  if (auto done = adapters_->assign(row.id.adapter, name); !done) {
    base::log_error("promotion of " + name.str() + ": " + done.error().message);
  }
  refresh_trials(row.id.adapter);
  unload(row.id);
}

void ServedVersions::restore_own(const AdapterId& adapter) {
  if (adapters_ == nullptr || !is_loaded(adapter)) return;
  const auto own = own_.find(adapter);
  const Status done =
      own == own_.end() ? adapters_->unload(adapter) : adapters_->load(adapter, own->second);
  if (!done) base::log_error("adapter " + adapter.str() + ": " + done.error().message);
  const std::lock_guard lock(mutex_);
  std::erase_if(versions_, [&](const auto& entry) { return entry.first.first == adapter; });
}

// Who is tried on now, as the registry says; what is no more is unloaded.
void ServedVersions::refresh_trials(const AdapterId& adapter) {
  std::vector<Trial> now;
  for (const VersionStatus as : {VersionStatus::kCanary, VersionStatus::kShadow}) {
    const auto row = registry_.store().find_status(adapter, as);
    if (row && *row) now.push_back({(*row)->id, as, (*row)->share});
  }
  std::vector<Trial> former;
  {
    const std::lock_guard lock(mutex_);
    former = std::exchange(trials_[adapter], now);
  }
  for (const Trial& trial : former) unload(trial.id);
}

persona::Prepare ServedVersions::preparation() {
  if (adapters_ == nullptr) return {};
  return [this](const AdapterVersionRow& row) -> Status {
    if (!is_loaded(row.id.adapter)) return {};
    KITH_RETURN_IF_ERROR(load(row));
    return {};
  };
}

AdapterId ServedVersions::choose(const storage::Scope& scope, const AdapterId& adapter) const {
  if (scope.user.empty()) return adapter;
  const std::lock_guard lock(mutex_);
  const auto trials = trials_.find(adapter);
  if (trials == trials_.end()) return adapter;
  for (const Trial& trial : trials->second) {
    const bool is_his = trial.as == VersionStatus::kCanary &&
                        persona::is_in_share(scope.tenant.str(), scope.user.str(),
                                             storage::to_string(trial.id), trial.share);
    if (is_his) return loaded_name(trial.id);
  }
  return adapter;
}

int ServedVersions::version_of(const AdapterId& loaded, const std::string& fingerprint) const {
  const std::lock_guard lock(mutex_);
  const auto it = versions_.find({loaded, fingerprint});
  return it == versions_.end() ? 0 : it->second;
}

void ServedVersions::on_thumb(const storage::DecisionRow& decision, double) {
  if (decision.adapter_version == 0) return;
  std::vector<Trial> trials;
  {
    const std::lock_guard lock(mutex_);
    const auto it = trials_.find(decision.adapter);
    if (it != trials_.end()) trials = it->second;
  }
  for (const Trial& trial : trials) {
    if (trial.as == VersionStatus::kCanary) judge_canary(trial);
  }
}

AdapterId ServedVersions::find_shadow(const storage::Scope& scope, const AdapterId& adapter,
                                      const DecisionId& decision) const {
  const std::lock_guard lock(mutex_);
  const auto trials = trials_.find(adapter);
  if (trials == trials_.end()) return {};
  for (const Trial& trial : trials->second) {
    // Of the requests, not of the users: nobody's questions are judged more than another's.
    const bool is_shadowed = trial.as == VersionStatus::kShadow &&
                             persona::is_in_share(scope.tenant.str(), decision.str(),
                                                  storage::to_string(trial.id), trial.share);
    if (is_shadowed) return loaded_name(trial.id);
  }
  return {};
}

void ServedVersions::on_shadow(const AdapterId& loaded, bool is_answered) {
  std::optional<AdapterVersionId> id;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [adapter, trials] : trials_) {
      for (const Trial& trial : trials) {
        const bool is_it = trial.as == VersionStatus::kShadow && loaded_name(trial.id) == loaded;
        if (is_it) id = trial.id;
      }
    }
  }
  if (!id) return;
  const std::lock_guard lock(shadow_mutex_);
  const auto row = registry_.find(*id);
  if (!row || row->status != VersionStatus::kShadow) return;
  const auto kept = registry_.store().set_trial(*id, counted(row->trial, is_answered));
  if (!kept) base::log_warn("a shadow answer was not counted: " + kept.error().message);
}

// Counts all votes anew: the evidence depends on the counts alone, and whoever is erased is out.
void ServedVersions::judge_canary(const Trial& canary) {
  const AdapterId& adapter = canary.id.adapter;
  const auto fail = [&](const Error& error) {
    base::log_warn("the votes on " + storage::to_string(canary.id) +
                   " were not counted: " + error.message);
  };
  const auto serving = registry_.find_serving(adapter);
  if (!serving) return fail(serving.error());
  const auto changes = registry_.store().history(adapter, kHistoryRows);
  if (!changes) return fail(changes.error());
  const auto begun = std::find_if(changes->begin(), changes->end(), [&](const auto& change) {
    return change.id == canary.id && change.to == VersionStatus::kCanary;
  });
  if (begun == changes->end()) return;
  const auto thumbs = registry_.store().thumbs(adapter, begun->at);
  if (!thumbs) return fail(thumbs.error());
  const auto ours = votes_of(*thumbs, canary.id.version);
  const auto theirs = *serving ? votes_of(*thumbs, (*serving)->id.version) : persona::VoteCounts{};
  const double evidence = persona::canary_log_evidence(ours, theirs);
  const auto kept = registry_.store().set_trial(canary.id, trial_json(ours, theirs, evidence));
  // It was withdrawn or promoted meanwhile.
  if (!kept) return;
  if (!persona::is_canary_worse(ours, theirs)) return;
  const auto withdrawn = withdraw(
      canary.id,
      {"canary test",
       "more thumbs down than the version that serves: " + std::to_string(ours.down) + " of " +
           std::to_string(ours.down + ours.up) + " against " + std::to_string(theirs.down) +
           " of " + std::to_string(theirs.down + theirs.up)});
  if (withdrawn)
    base::log_warn(storage::to_string(canary.id) + " was withdrawn by its canary test");
}

Result<AdapterId> ServedVersions::adapter_of(const std::string& persona) {
  if (const auto assigner = installation_.assigner()) {
    const auto* found = assigner->catalogue().find_persona(PersonaId(persona));
    if (found != nullptr) return found->adapter;
  }
  const AdapterId adapter(persona);
  if (persona == storage::kSharedAdapter || persona == storage::kUserEncoder) return adapter;
  KITH_ASSIGN_OR_RETURN(const auto rows, registry_.list(adapter));
  if (!persona.empty() && !rows.empty()) return adapter;
  return Error{ErrorCode::kNotFound,
               "there is no persona, and no adapter with versions, of this "
               "name: " +
                   persona};
}

Result<std::vector<AdapterVersionRow>> ServedVersions::list(const AdapterId& adapter) {
  return registry_.list(adapter);
}

Result<std::vector<storage::VersionChange>> ServedVersions::history(const AdapterId& adapter) {
  return registry_.store().history(adapter, kHistoryRows);
}

Result<persona::ShadowJudgement> ServedVersions::judge_shadow(
    const AdapterVersionId& id, const persona::ExampleWish& examples) {
  KITH_RETURN_IF_ERROR(registry_.find(id));
  KITH_ASSIGN_OR_RETURN(const auto serving, registry_.find_serving(id.adapter));
  KITH_ASSIGN_OR_RETURN(const auto answers,
                        registry_.store().shadows(id, persona::kMostShadowAnswers));
  return persona::judge_shadow(id, serving ? serving->id.version : 0, answers, examples);
}

Result<AdapterVersionRow> ServedVersions::promote(const AdapterVersionId& id,
                                                  const persona::ChangeOrder& order) {
  const std::lock_guard lock(change_mutex_);
  KITH_ASSIGN_OR_RETURN(auto row, registry_.promote(id, order, preparation()));
  serve(row);
  return row;
}

Result<AdapterVersionRow> ServedVersions::rollback(const AdapterId& adapter,
                                                   const persona::ChangeOrder& order) {
  const std::lock_guard lock(change_mutex_);
  KITH_ASSIGN_OR_RETURN(auto row, registry_.rollback(adapter, order, preparation()));
  serve(row);
  return row;
}

Result<AdapterVersionRow> ServedVersions::try_on(const AdapterVersionId& id, VersionStatus as,
                                                 double share, const persona::ChangeOrder& order) {
  if (!is_loaded(id.adapter)) {
    return Error{ErrorCode::kInvalidArgument,
                 "a user encoder serves everybody or nobody: vectors of two versions are never "
                 "compared"};
  }
  const std::lock_guard lock(change_mutex_);
  KITH_ASSIGN_OR_RETURN(auto row, registry_.try_on(id, as, share, order, preparation()));
  if (adapters_ == nullptr) return row;
  // The former trial first, as the same version may change from shadow to canary.
  refresh_trials(id.adapter);
  if (auto loaded = load(row); !loaded) base::log_error(loaded.error().message);
  return row;
}

Result<AdapterVersionRow> ServedVersions::withdraw(const AdapterVersionId& id,
                                                   const persona::ChangeOrder& order) {
  const std::lock_guard lock(change_mutex_);
  KITH_ASSIGN_OR_RETURN(const auto before, registry_.find(id));
  KITH_ASSIGN_OR_RETURN(auto row, registry_.withdraw(id, order));
  if (adapters_ == nullptr) return row;
  if (before.status == VersionStatus::kServing) restore_own(id.adapter);
  refresh_trials(id.adapter);
  return row;
}

Result<AdapterVersionRow> ServedVersions::set_gate(const AdapterVersionId& id, bool passed,
                                                   const std::string& document,
                                                   const std::string& by) {
  KITH_RETURN_IF_ERROR(
      registry_.store().set_gate(id, {passed, document, installation_.clock().now()}, by));
  return registry_.find(id);
}

Result<AdapterVersionRow> ServedVersions::register_training(const AdapterId& adapter) {
  return tuning::register_training_of(registry_, installation_.path(), adapter);
}

Result<persona::NewVersion> ServedVersions::new_version(const std::string& persona,
                                                        const std::filesystem::path& source,
                                                        const std::vector<std::string>& parents,
                                                        const persona::ChangeOrder& order) {
  auto adapter = adapter_of(persona);
  if (!adapter && adapter.error().code != ErrorCode::kNotFound) return std::move(adapter).error();
  return persona::NewVersion{.adapter = adapter ? *std::move(adapter) : AdapterId(persona),
                             .source = source,
                             .by = order.by,
                             .reason = order.reason,
                             .parents = parents};
}

Result<AdapterVersionRow> ServedVersions::register_incoming(const std::string& persona,
                                                            const std::string& incoming,
                                                            const std::vector<std::string>& parents,
                                                            const persona::ChangeOrder& order) {
  const auto& home = installation_.path();
  KITH_ASSIGN_OR_RETURN(const auto source, persona::find_incoming(home, incoming));
  KITH_ASSIGN_OR_RETURN(const auto version, new_version(persona, source, parents, order));
  auto row = registry_.add(version);
  persona::remove_incoming(home, incoming);
  return row;
}

}  // namespace kith::runtime
