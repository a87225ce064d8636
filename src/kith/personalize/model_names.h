// What people write as `model` who do not mind which model answers: our own examples, and clients
// of other servers (docs/formats/http.md). No adapter may have the first as its name.
#pragma once

#include <string_view>

namespace kith::personalize {

inline constexpr const char* kUsualModel = "kith";
inline constexpr const char* kDefaultModel = "default";

// Whether it means the model served, whatever that is called; an empty name does.
inline bool means_any_model(std::string_view name) {
  return name.empty() || name == kUsualModel || name == kDefaultModel;
}

}  // namespace kith::personalize
