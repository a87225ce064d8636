// What a user may claim by who the directory says they are: how soon they are served, and which
// documents they may read. Never by what they write or say about their situation: nobody talks
// themselves up the queue or into a document.
#pragma once

#include <string>
#include <vector>

#include "kith/base/queue_class.h"
#include "kith/persona/assignment.h"
#include "kith/storage/user_store.h"

namespace kith::persona {

struct Entitlement {
  // Of the persona that the attributes give; normal without one.
  base::QueueClass queue_class = base::QueueClass::kNormal;
  // Groups of readers: the persona's `knowledge`, and what the attributes `role`, `roles`, `group`
  // and `groups` list.
  std::vector<std::string> groups;
};

// `attributes` are those that are stored of the user. `assigner` may be null: then there are no
// personas. Thread-safe.
Entitlement entitle(const Assigner* assigner, const storage::Attributes& attributes);

}  // namespace kith::persona
