// What every subcommand shares: settings, output, and how a failure ends the program.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <optional>
#include <string>

#include "kith/base/json.h"
#include "kith/base/result.h"
#include "kith/runtime/config.h"

namespace kith::cli {

// Exit statuses: 0 ok, 1 failure, 2 usage.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;

// Options that stand before or after any subcommand.
struct GlobalOptions {
  std::string config_file;
  bool json = false;
  // Settings given as options, by key ("server.port").
  std::map<std::string, std::string> overrides;
};

// Registers --config, --json, --data and the options of models, upstreams and the server's address.
void add_global_options(CLI::App& app, GlobalOptions& options);

// The settings that hold for this command. `kith.toml` in the working directory is read if no file
// is named and it exists.
Result<runtime::ConfigLoader> load_settings(const GlobalOptions& options);
Result<runtime::Config> load_config(const GlobalOptions& options);

// One JSON value a line on standard output.
void print_json(const base::OrderedJson& value);
// Objects as lines of names and values.
void print_rows(const base::OrderedJson& rows);

// Prints the error on standard error (as JSON with --json) and returns the exit status.
int report(const Error& error, bool json);
// kExitOk, or report().
int finish(const Status& status, bool json);

// Each registers its subcommands with callbacks that store the exit status.
void add_serve_commands(CLI::App& app, GlobalOptions& options, int& status);
void add_chat_command(CLI::App& app, GlobalOptions& options, int& status);
void add_import_command(CLI::App& app, GlobalOptions& options, int& status);
void add_user_commands(CLI::App& app, GlobalOptions& options, int& status);
void add_persona_commands(CLI::App& app, GlobalOptions& options, int& status);
// `kith persona calibrate` and `kith eval assignment`.
void add_calibrate_command(CLI::App& persona, GlobalOptions& options, int& status);
void add_assignment_suite(CLI::App& eval, GlobalOptions& options, int& status);
void add_bridge_suite(CLI::App& eval, GlobalOptions& options, int& status);
void add_timeline_suite(CLI::App& eval, GlobalOptions& options, int& status);
void add_route_command(CLI::App& app, GlobalOptions& options, int& status);
// `kith train routing`, which needs no gradients of a model.
void add_train_routing(CLI::App& train, GlobalOptions& options, int& status);
// `kith train timeline`: the user encoder from the store; gradients are kith-train's.
void add_train_timeline(CLI::App& train, GlobalOptions& options, int& status);
// The versions of the user encoder, below `kith embed`.
void add_encoder_version_commands(CLI::App& embed, GlobalOptions& options, int& status);
void add_knowledge_commands(CLI::App& app, GlobalOptions& options, int& status);
void add_key_commands(CLI::App& app, GlobalOptions& options, int& status);
void add_model_commands(CLI::App& app, GlobalOptions& options, int& status);
// Those of `kith model` that look at or write checkpoints.
void add_checkpoint_commands(CLI::App& command, GlobalOptions& options, int& status);
void add_bench_commands(CLI::App& app, GlobalOptions& options, int& status);
void add_eval_commands(CLI::App& app, GlobalOptions& options, int& status);
void add_embed_commands(CLI::App& app, GlobalOptions& options, int& status);
// `kith embed users`.
void add_embed_users(CLI::App& embed, GlobalOptions& options, int& status);
// What needs no libtorch; `kith train` with anything else becomes kith-train.
void add_train_commands(CLI::App& app, GlobalOptions& options, int& status);
void add_config_commands(CLI::App& app, GlobalOptions& options, int& status);
void add_doctor_command(CLI::App& app, GlobalOptions& options, int& status);

// The whole program. Returns the exit status.
int run(int argc, char** argv);

}  // namespace kith::cli
