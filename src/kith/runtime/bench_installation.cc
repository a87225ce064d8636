#include "kith/runtime/bench_installation.h"

#include <array>
#include <string>
#include <vector>

#include "kith/base/new_directory.h"
#include "kith/base/rng.h"
#include "kith/runtime/installation.h"
#include "kith/runtime/resources.h"
#include "kith/runtime/seed.h"
#include "kith/storage/sqlite/sqlite_store_set.h"

namespace kith::runtime {
namespace {

namespace fs = std::filesystem;

// Part of the directory's name: another number makes the installations anew.
constexpr int kVersion = 2;
constexpr int kUsersPerConversation = 5;

constexpr std::array kDepartments{"Engineering", "Finance",       "Operations", "Sales",
                                  "Quality",     "Field Service", "Design",     "People"};
constexpr std::array kGrades{"professional", "senior", "trainee", "head", "technician"};
constexpr std::array kLocations{"Rotterdam", "Suzhou", "Hull", "Gdansk"};
constexpr std::array kQuestions{
    "My VPN does not connect since this morning.", "How do I share a calendar with my team?",
    "The scanner in the yard does not read labels.", "Who approves a new laptop for a trainee?"};

template <typename List>
std::string pick(base::Rng& rng, const List& list) {
  return list[static_cast<std::size_t>(rng.below(list.size()))];
}

storage::Attributes make_attributes(base::Rng& rng, int index) {
  return {{"name", "Person " + std::to_string(index)},
          {"department", pick(rng, kDepartments)},
          {"grade", pick(rng, kGrades)},
          {"location", pick(rng, kLocations)},
          {"language", index % 5 == 0 ? "zh" : "en"},
          {"title", pick(rng, kGrades) + " " + std::to_string(index % 40)}};
}

std::vector<storage::NewTurn> make_turns(base::Rng& rng, base::UnixMicros at) {
  std::vector<storage::NewTurn> turns;
  for (int exchange = 0; exchange < 2; ++exchange) {
    turns.push_back({.role = "user", .text = pick(rng, kQuestions), .at = at});
    turns.push_back({.role = "assistant", .text = "Open Settings and try again.", .at = at});
  }
  return turns;
}

// Everything about one user, as a first conversation would leave it.
Status add_user(storage::StoreSet& stores, const persona::Assigner& assigner, base::Rng& rng,
                int index) {
  constexpr base::UnixMicros kAt = 1'700'000'000'000'000;
  const storage::Scope scope{default_tenant().tenant, bench_user(index)};
  const storage::Attributes attributes = make_attributes(rng, index);
  KITH_RETURN_IF_ERROR([&]() -> Status {
    KITH_ASSIGN_OR_RETURN([[maybe_unused]] const auto outcome,
                          stores.users().upsert(scope, attributes, kAt));
    return {};
  }());
  persona::AssignmentState state;
  if (index % kUsersPerConversation == 0) {
    const auto turns = make_turns(rng, kAt);
    for (const auto& turn : turns) {
      if (turn.role == "user") assigner.observe(turn.text, turn.at, state);
    }
    const ConversationId id("conv_bench_" + std::to_string(index));
    const auto added = stores.conversations().append(scope, id, 0, turns);
    if (!added) return Error(added.error());
  }
  const persona::UserFacts facts{
      .attributes = attributes, .recorded_at = {}, .context = {}, .now = kAt};
  const persona::Assignment assignment = assigner.assign(facts, state);
  return stores.personas().put(scope, assigner.to_row(assignment, state, kAt));
}

Status fill(const fs::path& dir, int num_users) {
  Config config;
  config.data.dir = dir.string();
  {
    KITH_ASSIGN_OR_RETURN(const auto installation, Installation::open(config));
    const auto seeded =
        seed_service_desk(*installation, service_desk_directory(), service_desk_router_directory());
    if (!seeded) return Error(seeded.error());
  }
  KITH_ASSIGN_OR_RETURN(const auto installation, Installation::open(config));
  if (installation->assigner() == nullptr) {
    return Error{ErrorCode::kInternal, "the service-desk example has no personas"};
  }
  // A crash loses the whole directory anyway.
  KITH_ASSIGN_OR_RETURN(const auto stores,
                        storage::open_sqlite(dir / "kith.db", {.is_durable = false}));
  base::Rng rng(7);
  for (int i = 0; i < num_users; ++i) {
    KITH_RETURN_IF_ERROR(add_user(*stores, *installation->assigner(), rng, i));
  }
  return {};
}

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

}  // namespace

UserId bench_user(int index) { return UserId("bench_" + std::to_string(index)); }

Result<fs::path> cached_installation(int num_users, const fs::path& cache) {
  const fs::path target =
      cache / ("users-v" + std::to_string(kVersion) + "-" + std::to_string(num_users));
  if (is_there(target)) return target;
  std::error_code error;
  fs::create_directories(cache, error);
  if (error) {
    return Error{ErrorCode::kUnavailable, "cannot make " + cache.string() + ": " + error.message()};
  }
  KITH_ASSIGN_OR_RETURN(auto directory, base::NewDirectory::create(target));
  KITH_RETURN_IF_ERROR(fill(directory.path(), num_users));
  const Status committed = directory.commit();
  // Another process may have made it meanwhile.
  if (!committed && !is_there(target)) return Error(committed.error());
  return target;
}

}  // namespace kith::runtime
