// Runs another program and waits for its end.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "kith/base/result.h"

namespace kith::tuning {

struct ChildOptions {
  // The program, found by its path, and its arguments.
  std::vector<std::string> command;
  // Where its standard error goes, appended; empty: to ours, so that its progress bar is seen.
  std::filesystem::path error_log;
};

struct ChildResult {
  // Of a normal end; -1 if a signal ended it.
  int exit_status = -1;
  int signal = 0;
  std::string output;  // of standard output
  // Most memory that it held at a time.
  std::int64_t peak_bytes = 0;
};

// The child dies with its parent, also if that is killed: two trainers never write one directory.
// SIGINT and SIGTERM, which a terminal sends to both, are left to the child, that it may end
// orderly; ours come through again afterwards. Call from the main thread.
// Errors: kNotFound if the program cannot be started; kUnavailable.
Result<ChildResult> run_child(const ChildOptions& options);

// The program called `name`: what the environment variable says, or beside this program, or where
// its build puts it, or on the PATH. Errors: kNotFound, saying where it was looked for.
Result<std::filesystem::path> find_program(const std::string& name, const std::string& variable);

}  // namespace kith::tuning
