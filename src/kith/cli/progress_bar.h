// A bar on a terminal for what takes longer than two seconds; nothing elsewhere.
#pragma once

#include <functional>

namespace kith::cli {

// Takes the share of the work that is done. Empty if standard error is no terminal.
std::function<void(double share)> progress_bar();

}  // namespace kith::cli
