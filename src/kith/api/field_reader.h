// Reads members of a JSON object strictly: a wrong type or a value out of range is an error that
// names the member. Internal to api.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kith/api/error.h"
#include "kith/base/json.h"

namespace kith::api {

bool is_valid_utf8(std::string_view text);

// Whether `id` can name a user, a conversation or another row: 1 to 256 bytes of valid UTF-8
// without control characters.
bool is_valid_id(std::string_view id);

// Keeps the first failure; after it every read returns nothing. A null member counts as absent.
// Borrows the object; not thread-safe.
class FieldReader {
 public:
  // `path` stands before the names in messages ("kith." or "messages[2]."), empty at the top.
  FieldReader(const base::Json& object, std::string path, std::optional<ApiError>& failure);

  // The member if it is there and not null; marks it as read.
  const base::Json* member(const char* key);

  std::optional<std::string> string(const char* key, std::size_t max_bytes = kNoLimit);
  // A string that is_valid_id(); an empty one counts as absent.
  std::optional<std::string> id(const char* key);
  // A string that is one of `allowed`.
  std::optional<std::string> choice(const char* key, std::vector<std::string_view> allowed);
  // Finite and in [low, high].
  std::optional<double> number(const char* key, double low, double high);
  std::optional<std::int64_t> integer(const char* key, std::int64_t low, std::int64_t high);
  std::optional<bool> boolean(const char* key);
  const base::Json* array(const char* key);
  const base::Json* object(const char* key);

  // Members that no call asked for and that are not null, in order of name.
  std::vector<std::string> unread() const;

  void fail(const std::string& key, const std::string& message, std::string code = {});
  // A failure that a reader of an inner object has described.
  void fail(ApiError failure);
  bool has_failed() const { return failure_.has_value(); }

  static constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);

 private:
  const base::Json* typed(const char* key, bool (base::Json::*is_type)() const noexcept,
                          const char* type);

  const base::Json& object_;
  std::string path_;
  std::optional<ApiError>& failure_;
  std::set<std::string> read_;
};

}  // namespace kith::api
