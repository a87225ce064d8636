// Proposes personas: groups of users who are alike in what is known of them, each with what tells
// it from the others.
//
// Users come one after the other; blocks (user_block.h) make views of them, a mixture over these
// (mixture.h) says how many groups there are and who belongs to which, and every group of at least
// `floor` users is described by attributes and words that at least `floor` of it share
// (k-anonymity). Smaller groups are dissolved: their users join the likeliest of the others.
// ADR 23, docs/guides/discovery.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kith/persona/assignment.h"
#include "kith/persona/attribute_block.h"
#include "kith/persona/behaviour_block.h"
#include "kith/persona/grouping.h"
#include "kith/persona/mixture.h"
#include "kith/persona/persona_proposal.h"
#include "kith/persona/text_block.h"
#include "kith/persona/user_block.h"
#include "kith/persona/user_terms.h"
#include "kith/text/pii.h"

namespace kith::persona {

struct DiscoveryOptions {
  // Fewest users in a group, and behind each word, value and number that is shown. >= 2.
  std::size_t floor = 10;
  MixtureOptions mixture;
  // Users that groups are learned from, at most; more are drawn from, and all are assigned. No
  // model is exact, and with many more users its small errors become groups of their own. >= floor.
  std::size_t max_teachers = 5'000;
  // What decides on groups beside what users did. Not both may be false.
  bool uses_attributes = true;
  bool uses_texts = true;
  // Of the view of how users write, in (0, 1].
  double style_weight = 0.5;
  TextBlockOptions text;
  // Of what users did, which decides wherever users have vectors of it.
  bool uses_behaviour = true;
  BehaviourBlockOptions behaviour;
  // Of each proposal.
  std::size_t max_terms = 12;
  std::size_t max_values = 12;
  // Ids of the users who belong to a group most clearly: only for those who may see them.
  std::size_t num_nearest = 0;
};

struct Discovery {
  std::vector<PersonaProposal> proposals;  // largest first
  std::size_t num_users = 0;
  std::size_t num_teachers = 0;
  // Users of whom no view knows anything: they belong to no group.
  std::size_t num_unknown = 0;
  // Groups that were too small to be shown.
  std::size_t num_dissolved = 0;
  // For 1, 2, ... groups: the highest is chosen.
  std::vector<double> criterion;
  std::vector<std::string> views;
  std::vector<AttributeLeftOut> left_out;
  // Index of the proposal of each user, in the order in which they were added.
  std::vector<std::optional<std::size_t>> group_of;
};

// Not thread-safe.
class PersonaDiscovery {
 public:
  // Encoder and assigner may be null: without one, the texts count by how they are written alone;
  // without the other, proposals are not compared with a catalogue. All three must outlive it.
  // Errors: kInvalidArgument for an option outside its range.
  static Result<PersonaDiscovery> create(const DiscoveryOptions& options,
                                         const TextEncoder* encoder, const Assigner* assigner,
                                         const text::PiiRedactor& redactor);

  // One more source of knowledge. REQUIRES: no user was added yet.
  void add_block(std::unique_ptr<UserBlock> block) { blocks_.push_back(std::move(block)); }
  // Errors: those of the encoder.
  Status add(const DiscoveryUser& user);
  // Once, after the last user. The same users in the same order give the same proposals.
  // Errors: kInvalidArgument with fewer than `floor` users of whom something is known.
  Result<Discovery> finish();

 private:
  PersonaDiscovery(const DiscoveryOptions& options, const Assigner* assigner,
                   const text::PiiRedactor& redactor)
      : options_(options), assigner_(assigner), terms_(redactor) {}

  // At most max_teachers, drawn by seed, in order.
  std::vector<std::size_t> choose_teachers() const;
  // The views of all blocks, which `found` names.
  MixtureViews finish_blocks(const std::vector<std::size_t>& teachers, Discovery& found);
  // Sizes, nearest users and who belongs where.
  void take_groups(const Grouping& grouping, Discovery& found) const;

  DiscoveryOptions options_;
  const Assigner* assigner_;
  std::vector<std::unique_ptr<UserBlock>> blocks_;
  const AttributeBlock* attributes_ = nullptr;  // one of the blocks, if attributes are used
  UserTerms terms_;
  std::vector<UserId> ids_;
  std::vector<bool> teaches_;
  std::vector<PersonaId> personas_;  // of the catalogue
};

}  // namespace kith::persona
