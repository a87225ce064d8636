// Whose data a store call touches. Every call on data about a user takes a Scope, so that a missing
// tenant or user is a type error and not a forgotten WHERE clause.
#pragma once

#include "kith/base/ids.h"
#include "kith/base/result.h"

namespace kith::storage {

// The tenant of an installation that names none.
inline constexpr const char* kDefaultTenant = "default";

// Longest tenant, user or row id, in bytes.
inline constexpr std::size_t kMaxIdBytes = 256;

// Data that belongs to the whole tenant (knowledge, keys), and reads over all its users, which only
// an operator may cause.
struct TenantScope {
  TenantId tenant;

  friend bool operator==(const TenantScope&, const TenantScope&) = default;
};

// Data about one user.
struct Scope {
  TenantId tenant;
  UserId user;

  TenantScope tenant_scope() const { return TenantScope{tenant}; }

  friend bool operator==(const Scope&, const Scope&) = default;
};

// Errors: kInvalidArgument if an id is empty, longer than kMaxIdBytes or holds a control character.
Status check_scope(const TenantScope& scope);
Status check_scope(const Scope& scope);
// The same rule for the id of a row; `what` names it in the message ("conversation id").
Status check_row_id(const std::string& id, const char* what);

}  // namespace kith::storage
