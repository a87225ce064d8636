#include "kith/persona/members.h"

#include <algorithm>
#include <limits>

#include "kith/base/json.h"
#include "kith/storage/record_files.h"

namespace kith::persona {
namespace {

constexpr std::size_t kPage = 500;
// As many messages as a new version of the assigner learns anew.
constexpr std::size_t kReadTurns = 64;

Result<PersonaId> persona_of(storage::StoreSet& stores, const storage::Scope& scope,
                             const storage::Attributes& attributes, const Assigner& assigner) {
  KITH_ASSIGN_OR_RETURN(const auto row, stores.personas().find(scope));
  if (row && !row->weights.empty()) {
    const auto& best = row->weights.front();
    const bool is_sure =
        best.probability >= assigner.options().threshold && best.persona.str() != kNoPersona;
    return is_sure ? best.persona : PersonaId();
  }
  UserFacts facts{.attributes = attributes};
  AssignmentState state;
  KITH_ASSIGN_OR_RETURN(const auto turns, stores.conversations().recent_turns(scope, kReadTurns));
  for (const storage::TurnRow& turn : turns) {
    if (turn.role == "user") assigner.observe(turn.text, turn.at, state);
    facts.now = std::max(facts.now, turn.at);
  }
  return assigner.assign(facts, state).persona;
}

}  // namespace

Result<std::vector<Member>> assigned_members(storage::StoreSet& stores,
                                             const storage::TenantScope& scope,
                                             const Assigner& assigner) {
  std::vector<Member> members;
  for (UserId after;;) {
    KITH_ASSIGN_OR_RETURN(const auto users, stores.users().list(scope, after, kPage));
    for (const storage::UserRow& user : users) {
      const storage::Scope own{scope.tenant, user.id};
      KITH_ASSIGN_OR_RETURN(const bool allowed,
                            stores.consents().allows(own, storage::kConsentPersonalize));
      if (!allowed) continue;
      KITH_ASSIGN_OR_RETURN(auto persona, persona_of(stores, own, user.attributes, assigner));
      if (!persona.empty()) members.push_back({user.id, std::move(persona), false});
    }
    if (users.size() < kPage) break;
    after = users.back().id;
  }
  return members;
}

Result<std::vector<Member>> load_members(const std::filesystem::path& file) {
  std::vector<Member> members;
  const auto handle = [&](const base::Json& record) -> Result<storage::WriteOutcome> {
    KITH_ASSIGN_OR_RETURN(const auto id, base::read_string(record, "id"));
    KITH_ASSIGN_OR_RETURN(const auto persona, base::read_string(record, "persona"));
    KITH_ASSIGN_OR_RETURN(const auto split, base::read_string(record, "split"));
    if (!id || id->empty() || !persona || persona->empty()) {
      return Error{ErrorCode::kInvalidArgument, "a member needs an id and a persona"};
    }
    members.push_back({UserId(*id), PersonaId(*persona), split == "test"});
    return storage::WriteOutcome::kAdded;
  };
  KITH_ASSIGN_OR_RETURN(const auto report, storage::import_records(file, {}, handle));
  KITH_RETURN_IF_ERROR(storage::require_clean(report));
  std::sort(members.begin(), members.end(),
            [](const Member& a, const Member& b) { return a.user < b.user; });
  const auto twice =
      std::adjacent_find(members.begin(), members.end(),
                         [](const Member& a, const Member& b) { return a.user == b.user; });
  if (twice != members.end()) {
    return Error{ErrorCode::kInvalidArgument,
                 file.string() + " names a user twice: " + twice->user.str()};
  }
  return members;
}

}  // namespace kith::persona
