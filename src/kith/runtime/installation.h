// The data directory of an installation with everything that needs no model: stores, knowledge,
// personas. Commands work on it; the application adds a generator and a server.
#pragma once

#include <memory>

#include "kith/base/clock.h"
#include "kith/base/result.h"
#include "kith/memory/knowledge.h"
#include "kith/persona/assignment.h"
#include "kith/persona/router.h"
#include "kith/runtime/config.h"
#include "kith/storage/data_directory.h"
#include "kith/storage/scope.h"
#include "kith/storage/store_set.h"

namespace kith::runtime {

// In the data directory: what was learned about assigning its personas
// (persona/assignment_model.h).
inline constexpr const char* kAssignmentFile = "assignment.json";

// Holds the directory's lock, unless it was opened beside the server that does. Members are
// thread-safe.
class Installation {
 public:
  // Errors: kConflict if another process holds the directory; those of the stores; kInvalidArgument
  //   for a personas file with mistakes.
  static Result<std::unique_ptr<Installation>> open(const Config& config);

  // To read what a running server writes: SQLite's log lets readers of other processes see whole
  // transactions. What has to change goes through the server.
  // Errors: kNotFound without an installation; those of the stores; kInvalidArgument as above.
  static Result<std::unique_ptr<Installation>> open_beside(const Config& config);

  const std::filesystem::path& path() const { return directory_.path(); }
  storage::StoreSet& stores() { return *stores_; }
  memory::Knowledge& knowledge() { return knowledge_; }
  const base::Clock& clock() const { return clock_; }
  // Null without personas.
  std::shared_ptr<const persona::Assigner> assigner() const { return assigner_; }
  // Null without a router, or with one that does not fit its encoder (the log says so): then the
  // persona's own adapter answers.
  std::shared_ptr<const persona::Router> router() const { return router_; }
  // Reads personas and router again, after the files have changed.
  Status load_personas(const Config& config);

 private:
  static Result<std::unique_ptr<Installation>> open_in(storage::DataDirectory directory,
                                                       const Config& config);

  Installation(storage::DataDirectory directory, std::unique_ptr<storage::StoreSet> stores)
      : directory_(std::move(directory)),
        stores_(std::move(stores)),
        knowledge_(stores_->knowledge(), clock_) {}

  base::SystemClock clock_;
  storage::DataDirectory directory_;
  std::unique_ptr<storage::StoreSet> stores_;
  memory::Knowledge knowledge_;
  std::shared_ptr<const persona::Assigner> assigner_;
  std::shared_ptr<const persona::Router> router_;
};

// The tenant of an installation that serves one.
storage::TenantScope default_tenant();

}  // namespace kith::runtime
