// A source of knowledge about users for discovery: takes one user after the other and gives views
// of all of them in the end.
//
// The built-in ones are attributes (attribute_block.h), the way of writing (style_block.h), the
// texts (text_block.h) and what users did (behaviour_block.h).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kith/base/ids.h"
#include "kith/base/result.h"
#include "kith/persona/mixture.h"
#include "kith/storage/user_store.h"

namespace kith::persona {

struct DiscoveryUser {
  UserId id;
  storage::Attributes attributes;
  // What the user wrote himself, oldest first; no answers, which are written for a persona already.
  std::vector<std::string> messages;
  // What a user encoder makes of what the user did; empty if there is none. Of all users by one
  // version of the encoder.
  std::vector<float> behaviour;
  // False: the user is assigned to a group, but no group is learned from him.
  bool teaches = true;
};

// Not thread-safe.
class UserBlock {
 public:
  virtual ~UserBlock() = default;

  // The users of all blocks are the same, in the same order; the first is number 0.
  virtual Status add(const DiscoveryUser& user) = 0;
  // Called once, after the last user. What is learned (which values are known, means, axes) comes
  // from the users who teach. No view if there is nothing to tell users apart by.
  //   teachers: their numbers, in order
  virtual MixtureViews finish(const std::vector<std::size_t>& teachers) = 0;
};

}  // namespace kith::persona
