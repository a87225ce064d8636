#include "kith/storage/user_store.h"

#include <algorithm>

namespace kith::storage {

bool is_allowed(std::span<const ConsentRow> rows, std::string_view purpose) {
  const auto row = std::find_if(rows.begin(), rows.end(),
                                [&](const ConsentRow& each) { return each.purpose == purpose; });
  return row == rows.end() || row->granted;
}

}  // namespace kith::storage
