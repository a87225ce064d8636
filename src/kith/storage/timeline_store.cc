#include "kith/storage/timeline_store.h"

#include <cmath>

namespace kith::storage {
namespace {

Status check_short(const std::string& text, const char* what) {
  if (text.size() <= kMaxIdBytes) return {};
  return Error{ErrorCode::kInvalidArgument, std::string(what) + " must have at most " +
                                                std::to_string(kMaxIdBytes) +
                                                " bytes: " + std::to_string(text.size())};
}

Status check_categories(const Attributes& categories) {
  if (categories.size() > kMaxEventCategories) {
    return Error{ErrorCode::kInvalidArgument,
                 "an event must have at most " + std::to_string(kMaxEventCategories) +
                     " categories: " + std::to_string(categories.size())};
  }
  for (const auto& [name, value] : categories) {
    KITH_RETURN_IF_ERROR(check_row_id(name, "name of a category"));
    KITH_RETURN_IF_ERROR(check_short(value, "value of a category"));
  }
  return {};
}

}  // namespace

Status check_event(const TimelineEvent& event) {
  KITH_RETURN_IF_ERROR(check_row_id(event.id, "event id"));
  KITH_RETURN_IF_ERROR(check_row_id(event.kind, "event kind"));
  KITH_RETURN_IF_ERROR(check_short(event.item, "item"));
  KITH_RETURN_IF_ERROR(check_categories(event.categories));
  if (event.text.size() > kMaxEventTextBytes) {
    return Error{ErrorCode::kInvalidArgument, "text of an event must have at most " +
                                                  std::to_string(kMaxEventTextBytes) +
                                                  " bytes: " + std::to_string(event.text.size())};
  }
  if (event.number && !std::isfinite(*event.number)) {
    return Error{ErrorCode::kInvalidArgument, "number of an event must be finite"};
  }
  if (event.at < 0) {
    return Error{ErrorCode::kInvalidArgument, "time of an event must not be before 1970"};
  }
  return {};
}

}  // namespace kith::storage
