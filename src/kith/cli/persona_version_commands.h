// kith persona stats|train|share|discover|versions|register|evaluate|promote|rollback|try|shadow,
// withdraw|export|diff
#pragma once

#include "kith/cli/command.h"

namespace kith::cli {

// Adds them below `kith persona`.
void add_persona_version_commands(CLI::App& command, GlobalOptions& options, int& status);
// evaluate and diff, which measure on a model.
void add_persona_gate_commands(CLI::App& command, GlobalOptions& options, int& status);
void add_persona_stats_command(CLI::App& command, GlobalOptions& options, int& status);
void add_persona_train_command(CLI::App& command, GlobalOptions& options, int& status);
void add_persona_share_command(CLI::App& command, GlobalOptions& options, int& status);
void add_persona_discover_command(CLI::App& command, GlobalOptions& options, int& status);

}  // namespace kith::cli
