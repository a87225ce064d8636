// The versions of adapters for commands: in the data directory, or through the server that holds
// it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "kith/base/json.h"
#include "kith/base/result.h"
#include "kith/cli/directory_client.h"
#include "kith/runtime/config.h"
#include "kith/runtime/served_versions.h"

namespace kith::cli {

// What a command needs of a version; read from its JSON, which is the same both ways.
struct VersionInfo {
  std::string adapter;
  int version = 0;
  std::string status;
  std::filesystem::path path;  // of its files
  std::string content_hash;

  // "leadership@3".
  std::string name() const { return adapter + "@" + std::to_string(version); }
};

// Not thread-safe.
class VersionAccess {
 public:
  // Errors: those of open_directory() and runtime::ServedVersions::create().
  static Result<VersionAccess> open(const runtime::Config& config);

  // {"persona","adapter","serving","versions":[],"history":[]}. Errors: kNotFound for a persona
  // that does not exist.
  Result<base::OrderedJson> list(const std::string& persona);
  // One of `document`, as list() gave it. `version` 0: the newest. Errors: kNotFound.
  Result<VersionInfo> find(const base::OrderedJson& document, int version) const;

  // persona::ShadowJudgement as JSON. Errors: kNotFound.
  Result<base::OrderedJson> shadow(const std::string& persona, int version, int num_examples);

  // Each returns the version as it is then, as JSON. Errors: those of server::VersionService.
  Result<base::OrderedJson> promote(const std::string& persona, int version,
                                    const std::string& reason);
  Result<base::OrderedJson> rollback(const std::string& persona, const std::string& reason);
  Result<base::OrderedJson> withdraw(const std::string& persona, int version,
                                     const std::string& reason);
  Result<base::OrderedJson> try_on(const std::string& persona, int version, const std::string& as,
                                   double share, const std::string& reason);
  Result<base::OrderedJson> set_gate(const std::string& persona, int version, bool passed,
                                     const base::OrderedJson& document);
  // Registers a PEFT directory; a persona that nobody has yet begins an adapter of its own. A
  // server that holds the directory gets a copy. Errors: those of persona::VersionRegistry::add().
  Result<base::OrderedJson> add(const std::string& persona, const std::filesystem::path& source,
                                const std::vector<std::string>& parents, const std::string& reason);

 private:
  explicit VersionAccess(std::filesystem::path data_dir) : data_dir_(std::move(data_dir)) {}

  Result<base::OrderedJson> post(const std::string& persona, const std::string& what,
                                 const base::OrderedJson& body) const;
  // The answer of a change in the directory itself.
  static Result<base::OrderedJson> tell(Result<storage::AdapterVersionRow> row);

  std::filesystem::path data_dir_;
  DirectoryAccess access_;
  std::unique_ptr<runtime::ServedVersions> versions_;  // null if a server holds the directory
};

}  // namespace kith::cli
