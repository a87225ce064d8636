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

void StepRunner::start(Chain chain) {
  // Shared, because a std::function must be copyable.
  const auto steps = std::make_shared<const decltype(chain.steps_)>(std::move(chain.steps_));
  const bool is_taken = queue_.try_push([steps] {
    for (const auto& step : *steps) step(nullptr);
  });
  if (is_taken) return;
  const Error refusal{ErrorCode::kOverloaded, "too many steps are waiting"};
  for (const auto& step : *steps) step(&refusal);
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
