#include "kith/storage/scope.h"

#include <algorithm>

namespace kith::storage {

Status check_row_id(const std::string& id, const char* what) {
  const auto is_control = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  };
  if (id.empty()) {
    return Error{ErrorCode::kInvalidArgument, std::string(what) + " must not be empty"};
  }
  if (id.size() > kMaxIdBytes) {
    return Error{ErrorCode::kInvalidArgument, std::string(what) + " must have at most " +
                                                  std::to_string(kMaxIdBytes) +
                                                  " bytes: " + std::to_string(id.size())};
  }
  if (std::any_of(id.begin(), id.end(), is_control)) {
    return Error{ErrorCode::kInvalidArgument,
                 std::string(what) + " must not hold control characters"};
  }
  return {};
}

Status check_scope(const TenantScope& scope) { return check_row_id(scope.tenant.str(), "tenant"); }

Status check_scope(const Scope& scope) {
  KITH_RETURN_IF_ERROR(check_row_id(scope.tenant.str(), "tenant"));
  return check_row_id(scope.user.str(), "user id");
}

}  // namespace kith::storage
