#include "kith/runtime/fleet_bench.h"

#include <stdlib.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <string>

#include "kith/base/rng.h"
#include "kith/storage/sqlite/sqlite_store_set.h"

namespace kith::runtime {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr base::UnixMicros kDay = 86'400'000'000;
constexpr base::UnixMicros kEnd = 20'600 * kDay;
constexpr int kActiveDays = 30;
constexpr int kNumPersonas = 5;
const TenantId kTenant{"default"};

// A directory that is removed at the end.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(fs::path path) : path_(std::move(path)) {}
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

Result<fs::path> make_directory() {
  std::error_code error;
  std::string name = (fs::temp_directory_path(error) / "kith-fleet-XXXXXX").string();
  if (error || ::mkdtemp(name.data()) == nullptr) {
    return Error{ErrorCode::kUnavailable, "cannot make a directory: " + name};
  }
  return fs::path(name);
}

PersonaId persona_of(int index) { return PersonaId("persona" + std::to_string(index)); }

// About as long as the record of a real answer.
const std::string& document() {
  static const std::string kDocument = "{\"plan\":\"" + std::string(2000, 'x') + "\"}";
  return kDocument;
}

Status add_user(storage::StoreSet& stores, const FleetBench& options, int number, base::Rng& rng) {
  const storage::Scope scope{kTenant, UserId("user" + std::to_string(number))};
  const int persona = number % kNumPersonas;
  const auto assign = [&](int index, base::UnixMicros at) {
    return stores.personas().put(scope, {{{persona_of(index), 0.9}}, "{}", "bench", at});
  };
  KITH_RETURN_IF_ERROR(assign(persona, kEnd - (kActiveDays + 1) * kDay));
  for (int i = 0; i < options.num_answers; ++i) {
    storage::DecisionRow row;
    row.id = DecisionId("dec" + std::to_string(number) + "_" + std::to_string(i));
    row.at = kEnd - 1 - static_cast<base::UnixMicros>(rng.below(kActiveDays * kDay));
    row.persona = persona_of(persona);
    row.document = document();
    KITH_RETURN_IF_ERROR(stores.decisions().put(scope, row));
    if (rng.below(10) != 0) continue;
    const double thumb = rng.below(5) == 0 ? -1.0 : 1.0;
    KITH_RETURN_IF_ERROR(
        stores.feedback().add(scope, {row.id.str(), row.id, "thumb", thumb, "", row.at, row.at}));
  }
  if (number % 20 != 0) return {};
  return assign((persona + 1) % kNumPersonas,
                kEnd - 1 - static_cast<base::UnixMicros>(rng.below(kActiveDays * kDay)));
}

Result<FleetResult> measure(storage::StoreSet& stores, const FleetBench& options, int num_days) {
  FleetResult result{.num_users = options.num_users,
                     .num_decisions = options.num_users * options.num_answers,
                     .num_days = num_days};
  const storage::FleetQuery query{persona_of(1), kEnd - num_days * kDay, kEnd, kDay};
  for (int round = 0; round < options.rounds; ++round) {
    const auto start = Clock::now();
    KITH_RETURN_IF_ERROR(stores.fleet().figures(storage::TenantScope{kTenant}, query));
    const double ms = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    result.best_ms = round == 0 ? ms : std::min(result.best_ms, ms);
    result.worst_ms = std::max(result.worst_ms, ms);
  }
  return result;
}

}  // namespace

Result<std::vector<FleetResult>> bench_fleet(const FleetBench& options) {
  KITH_ASSIGN_OR_RETURN(fs::path path, make_directory());
  const TemporaryDirectory directory(std::move(path));
  KITH_ASSIGN_OR_RETURN(const auto stores,
                        storage::open_sqlite(directory.path() / "kith.db", {.is_durable = false}));
  base::Rng rng(17);
  for (int number = 0; number < options.num_users; ++number) {
    KITH_RETURN_IF_ERROR(add_user(*stores, options, number, rng));
  }
  std::vector<FleetResult> results;
  for (const int num_days : {7, 30, 365}) {
    KITH_ASSIGN_OR_RETURN(const FleetResult result, measure(*stores, options, num_days));
    results.push_back(result);
  }
  return results;
}

}  // namespace kith::runtime
