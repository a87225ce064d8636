// Which users validate what is trained, and never train.
#pragma once

#include "kith/base/ids.h"

namespace kith::persona {

// In [0, 1), the same for a user in every dataset: who validates the one never trains the other. A
// share of the users is those whose draw is below it.
double validation_draw(const UserId& user);

}  // namespace kith::persona
