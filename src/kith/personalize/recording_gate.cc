#include "kith/personalize/recording_gate.h"

#include "kith/storage/digest.h"

namespace kith::personalize {
namespace {

std::string key_of(const storage::Scope& scope) {
  return storage::digest({scope.tenant.str(), scope.user.str()});
}

}  // namespace

std::shared_ptr<const RecordingGate::Visit> RecordingGate::enter() {
  const std::lock_guard lock(mutex_);
  visits_.insert(num_erasures_);
  return std::make_shared<const Visit>(*this, num_erasures_);
}

// Under load somebody is always inside, so what nobody needs any more goes as soon as the visits
// that needed it have ended.
void RecordingGate::leave(std::uint64_t began_at) {
  const std::lock_guard lock(mutex_);
  visits_.erase(visits_.find(began_at));
  if (erased_at_.empty() || (!visits_.empty() && *visits_.begin() <= began_at)) return;
  const std::uint64_t oldest = visits_.empty() ? num_erasures_ : *visits_.begin();
  std::erase_if(erased_at_, [oldest](const auto& erasure) { return erasure.second <= oldest; });
}

std::size_t RecordingGate::num_remembered() const {
  const std::lock_guard lock(mutex_);
  return erased_at_.size();
}

bool RecordingGate::was_erased(const storage::Scope& scope, std::uint64_t began_at) const {
  const std::lock_guard lock(mutex_);
  if (erased_at_.empty()) return false;
  const auto found = erased_at_.find(key_of(scope));
  return found != erased_at_.end() && found->second > began_at;
}

void RecordingGate::note_erasure(const storage::Scope& scope) {
  const std::lock_guard lock(mutex_);
  ++num_erasures_;
  if (!visits_.empty()) erased_at_[key_of(scope)] = num_erasures_;
}

}  // namespace kith::personalize
