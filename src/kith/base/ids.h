// Identifiers as types, so that a user id is never passed where a persona id is meant.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace kith {

// A string with a meaning. Empty means "none".
template <typename Tag>
class Id {
 public:
  Id() = default;
  explicit Id(std::string value) : value_(std::move(value)) {}
  explicit Id(std::string_view value) : value_(value) {}
  explicit Id(const char* value) : value_(value) {}

  const std::string& str() const noexcept { return value_; }
  bool empty() const noexcept { return value_.empty(); }

  friend bool operator==(const Id&, const Id&) = default;
  friend std::strong_ordering operator<=>(const Id& a, const Id& b) {
    return a.value_.compare(b.value_) <=> 0;
  }

 private:
  std::string value_;
};

using TenantId = Id<struct TenantTag>;
using UserId = Id<struct UserTag>;
using PersonaId = Id<struct PersonaTag>;
using AdapterId = Id<struct AdapterTag>;
using ConversationId = Id<struct ConversationTag>;
using TurnId = Id<struct TurnTag>;
using DecisionId = Id<struct DecisionTag>;
using DocumentId = Id<struct DocumentTag>;

}  // namespace kith

template <typename Tag>
struct std::hash<kith::Id<Tag>> {
  std::size_t operator()(const kith::Id<Tag>& id) const noexcept {
    return std::hash<std::string>{}(id.str());
  }
};
