#include "kith/persona/discovery.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "kith/base/rng.h"
#include "kith/persona/grouping.h"
#include "kith/persona/style_block.h"

namespace kith::persona {
namespace {

Error invalid(const std::string& message) { return {ErrorCode::kInvalidArgument, message}; }

Status check_options(const DiscoveryOptions& options) {
  const auto is_weight = [](double value) { return value > 0.0 && value <= 1.0; };
  if (options.floor < 2) return invalid("the floor of users must be at least 2");
  if (options.mixture.max_clusters < 1 || options.mixture.max_clusters > kMaxPersonas) {
    return invalid("the most groups must be in [1, " + std::to_string(kMaxPersonas) + "]");
  }
  if (options.mixture.restarts < 1) return invalid("there must be at least one start");
  if (options.max_teachers < options.floor) {
    return invalid("groups must be learned from at least as many users as the floor says");
  }
  if (!options.uses_attributes && !options.uses_texts) {
    return invalid("attributes, texts or both must decide on groups");
  }
  if (!is_weight(options.style_weight) || !is_weight(options.text.weight) ||
      !is_weight(options.behaviour.weight)) {
    return invalid("weights must be in (0, 1]");
  }
  if (options.text.axes < 1 || options.behaviour.axes < 1) {
    return invalid("texts and behaviour need at least one axis");
  }
  return {};
}

bool is_known_to(const MixtureViews& views, std::size_t user) {
  return std::any_of(views.begin(), views.end(),
                     [user](const auto& view) { return view->knows(user); });
}

}  // namespace

Result<PersonaDiscovery> PersonaDiscovery::create(const DiscoveryOptions& options,
                                                  const TextEncoder* encoder,
                                                  const Assigner* assigner,
                                                  const text::PiiRedactor& redactor) {
  KITH_RETURN_IF_ERROR(check_options(options));
  PersonaDiscovery discovery(options, assigner, redactor);
  if (options.uses_attributes) {
    auto attributes = std::make_unique<AttributeBlock>(options.floor);
    discovery.attributes_ = attributes.get();
    discovery.add_block(std::move(attributes));
  }
  if (options.uses_texts) {
    discovery.add_block(std::make_unique<StyleBlock>(options.floor, options.style_weight));
    if (encoder != nullptr && encoder->dimensions() > 0) {
      TextBlockOptions text = options.text;
      text.floor = options.floor;
      discovery.add_block(std::make_unique<TextBlock>(*encoder, text));
    }
  }
  if (options.uses_behaviour) {
    discovery.add_block(std::make_unique<BehaviourBlock>(options.behaviour));
  }
  return discovery;
}

Status PersonaDiscovery::add(const DiscoveryUser& user) {
  for (const auto& block : blocks_) KITH_RETURN_IF_ERROR(block->add(user));
  terms_.add(user.messages);
  ids_.push_back(user.id);
  teaches_.push_back(user.teaches);
  PersonaId persona;
  if (assigner_ != nullptr) {
    AssignmentState state;
    for (const std::string& message : user.messages) assigner_->observe(message, 0, state);
    persona = assigner_->assign({.attributes = user.attributes}, state).persona;
  }
  personas_.push_back(std::move(persona));
  return {};
}

std::vector<std::size_t> PersonaDiscovery::choose_teachers() const {
  std::vector<std::size_t> teachers;
  for (std::size_t user = 0; user < teaches_.size(); ++user) {
    if (teaches_[user]) teachers.push_back(user);
  }
  if (teachers.size() <= options_.max_teachers) return teachers;
  base::Rng rng(options_.mixture.seed);
  for (std::size_t i = 0; i < options_.max_teachers; ++i) {
    std::swap(teachers[i], teachers[i + rng.below(teachers.size() - i)]);
  }
  teachers.resize(options_.max_teachers);
  std::sort(teachers.begin(), teachers.end());
  return teachers;
}

MixtureViews PersonaDiscovery::finish_blocks(const std::vector<std::size_t>& teachers,
                                             Discovery& found) {
  MixtureViews views;
  for (const auto& block : blocks_) {
    for (auto& view : block->finish(teachers)) views.push_back(std::move(view));
  }
  for (const auto& view : views) found.views.push_back(view->name());
  if (attributes_ != nullptr) found.left_out = attributes_->left_out();
  return views;
}

Result<Discovery> PersonaDiscovery::finish() {
  Discovery found;
  found.num_users = ids_.size();
  std::vector<std::size_t> teachers = choose_teachers();
  const MixtureViews views = finish_blocks(teachers, found);
  const auto is_unknown = [&views](std::size_t user) { return !is_known_to(views, user); };
  std::erase_if(teachers, is_unknown);
  std::vector<std::size_t> known(ids_.size());
  std::iota(known.begin(), known.end(), std::size_t{0});
  std::erase_if(known, is_unknown);
  found.num_teachers = teachers.size();
  found.num_unknown = ids_.size() - known.size();
  if (teachers.size() < options_.floor) {
    return invalid("of too few users is anything known that tells them apart; the floor is " +
                   std::to_string(options_.floor) + ": " + std::to_string(teachers.size()));
  }
  const Mixture mixture = Mixture::fit(views, teachers, options_.mixture);
  found.criterion = mixture.criterion();
  Grouping grouping(known, mixture.score(known));
  found.num_dissolved = grouping.dissolve_below(options_.floor);
  take_groups(grouping, found);
  const GroupedUsers users{found.group_of, found.proposals.size(), options_.floor};
  describe_by_terms(users, terms_, options_.max_terms, found.proposals);
  if (attributes_ != nullptr) {
    describe_by_values(users, attributes_->uses(), options_.max_values, found.proposals);
  }
  compare_with_personas(users, personas_, found.proposals);
  return found;
}

void PersonaDiscovery::take_groups(const Grouping& grouping, Discovery& found) const {
  const std::vector<std::size_t> clusters = grouping.by_size();
  std::map<std::size_t, std::size_t> index;
  for (const std::size_t cluster : clusters) {
    index.emplace(cluster, found.proposals.size());
    PersonaProposal& proposal = found.proposals.emplace_back();
    proposal.users = grouping.size(cluster);
    for (const std::size_t user : grouping.nearest(cluster, options_.num_nearest)) {
      proposal.nearest.push_back(ids_[user]);
    }
  }
  found.group_of.resize(ids_.size());
  grouping.for_each(
      [&](std::size_t user, std::size_t cluster) { found.group_of[user] = index.at(cluster); });
}

}  // namespace kith::persona
