#include "kith/personalize/step_runner.h"

#include <exception>
#include <string>

#include "kith/base/check.h"

namespace kith::personalize {
namespace {

// Steps waiting for a thread; more are refused, and their answers go on without them.
constexpr std::size_t kMaxWaiting = 256;

}  // namespace

StepRunner::StepRunner(int num_threads) : queue_(kMaxWaiting) {
  KITH_CHECK(num_threads >= 1, "a step runner needs a thread");
  for (int i = 0; i < num_threads; ++i) threads_.emplace_back([this] { loop(); });
}

StepRunner::~StepRunner() { queue_.close(); }

void StepRunner::loop() {
  while (const auto task = queue_.pop()) (*task)();
}

std::optional<Error> StepRunner::fence(const std::function<void()>& task) {
  try {
    task();
    return std::nullopt;
  } catch (const std::bad_alloc&) {
    throw;  // fatal everywhere
  } catch (const std::exception& exception) {
    return Error{ErrorCode::kInternal, std::string("unexpected: ") + exception.what()};
  } catch (...) {
    return Error{ErrorCode::kInternal, "unexpected exception"};
  }
}

}  // namespace kith::personalize
