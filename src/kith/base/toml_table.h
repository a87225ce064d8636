// Reads the tables of a TOML file that people write: each key with its type and range, the first
// mistake remembered, and keys that nobody asked for refused. Include in .cc files only, and before
// any other header that includes toml++, as that must be compiled one way.
#pragma once

#define TOML_EXCEPTIONS 0
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/base/toml.h"

namespace kith::base {

// Errors: kInvalidArgument with `name`, the line and what is wrong.
Result<toml::table> parse_toml(std::string_view text, const std::string& name);

// Readers leave their argument, which holds the default, where the key is absent or wrong; what is
// wrong with the first is told by finish(). Not thread-safe; borrows the table.
class TomlTable {
 public:
  // A null table has no keys. `where` begins every message ("recipe.toml: ").
  TomlTable(const toml::table* table, std::string where)
      : table_(table), where_(std::move(where)) {}

  bool has(const char* key) const;
  void require(const char* key);

  void text(const char* key, std::string& to);
  void path(const char* key, std::filesystem::path& to);
  void choice(const char* key, std::string& to, const std::vector<std::string>& allowed);
  void flag(const char* key, bool& to);
  void integer(const char* key, std::int64_t& to, std::int64_t low,
               std::int64_t high = std::numeric_limits<std::int64_t>::max());
  void real(const char* key, double& to, double low, double high);
  void texts(const char* key, std::vector<std::string>& to);
  void integers(const char* key, std::vector<std::int64_t>& to, std::int64_t low,
                std::int64_t high);

  // Calls `read` with the table of that name, or with an empty one.
  void child(const char* key, const std::function<void(TomlTable&)>& read);
  // Calls `read` with every table of [[key]].
  void children(const char* key, const std::function<void(TomlTable&)>& read);

  // Notes a mistake, unless one is noted already.
  void fail(const std::string& key, const std::string& problem);
  void adopt(const Status& status);
  // Errors: kInvalidArgument, the first mistake, or a key that no reader was called for.
  Status finish();

 private:
  const toml::node* take(const char* key);

  const toml::table* table_;
  std::string where_;
  std::set<std::string> known_;
  std::optional<Error> error_;
};

}  // namespace kith::base
