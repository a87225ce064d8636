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
  ++num_visits_;
  return std::make_shared<const Visit>(*this, num_erasures_);
}

void RecordingGate::leave() {
  const std::lock_guard lock(mutex_);
  // Who enters from now on began after every erasure so far.
  if (--num_visits_ == 0) erased_at_.clear();
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
  if (num_visits_ > 0) erased_at_[key_of(scope)] = num_erasures_;
}

}  // namespace kith::personalize
