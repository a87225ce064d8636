// Which class a request waits in, while it waits: by who the directory says its user is, never by
// what the request says of its urgency.
#pragma once

#include "kith/base/queue_class.h"
#include "kith/server/application.h"

namespace kith::server {

// Normal for whoever cannot be told: a stranger, a user without consent or persona, a body too long
// to be read at the door. Reads the store; not for the network thread. Thread-safe.
base::QueueClass class_of(const Context& context, const Principal& principal,
                          const HttpRequest& request);

}  // namespace kith::server
