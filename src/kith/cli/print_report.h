// How evaluations show their figures.
#pragma once

#include "kith/cli/command.h"
#include "kith/eval/figures.h"

namespace kith::cli {

// One JSON object with --json, else notes and a line for each figure.
void print_report(const eval::Report& report, const GlobalOptions& options);

}  // namespace kith::cli
