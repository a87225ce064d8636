#include "kith/persona/validation_draw.h"

#include "kith/base/fingerprint.h"
#include "kith/storage/digest.h"

namespace kith::persona {

double validation_draw(const UserId& user) {
  const std::string hash = storage::digest({"validation", user.str()});
  return static_cast<double>(base::hash_bytes(hash) >> 11) * 0x1.0p-53;
}

}  // namespace kith::persona
