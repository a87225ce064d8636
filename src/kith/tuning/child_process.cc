#include "kith/tuning/child_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <sstream>

namespace kith::tuning {
namespace {

namespace fs = std::filesystem;

constexpr int kCannotStart = 127;

std::string reason() { return std::strerror(errno); }

// Ignores a signal while it lives: the child, which gets it as well, decides.
class IgnoredSignal {
 public:
  explicit IgnoredSignal(int signal) : signal_(signal), former_(std::signal(signal, SIG_IGN)) {}
  IgnoredSignal(const IgnoredSignal&) = delete;
  IgnoredSignal& operator=(const IgnoredSignal&) = delete;
  ~IgnoredSignal() { std::signal(signal_, former_); }

 private:
  int signal_;
  void (*former_)(int);
};

// In the child, between fork and exec: system calls only.
[[noreturn]] void become(char* const* arguments, int output, int error, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kCannotStart);
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  dup2(output, STDOUT_FILENO);
  if (error >= 0) dup2(error, STDERR_FILENO);
  execv(arguments[0], arguments);
  _exit(kCannotStart);
}

std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t count = read(descriptor, buffer.data(), buffer.size());
    if (count > 0) text.append(buffer.data(), static_cast<std::size_t>(count));
    if (count == 0 || (count < 0 && errno != EINTR)) return text;
  }
}

bool is_program(const fs::path& path) { return access(path.c_str(), X_OK) == 0; }

}  // namespace

Result<ChildResult> run_child(const ChildOptions& options) {
  const std::string& program = options.command.front();
  if (!is_program(program)) return Error{ErrorCode::kNotFound, "cannot run " + program};
  std::vector<std::string> words = options.command;
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::array<int, 2> pipe_ends{};
  if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) {
    return Error{ErrorCode::kUnavailable, "cannot make a pipe: " + reason()};
  }
  int error_log = -1;
  if (!options.error_log.empty()) {
    error_log = open(options.error_log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  }
  const IgnoredSignal interrupt(SIGINT);
  const IgnoredSignal terminate(SIGTERM);
  const pid_t self = getpid();
  const pid_t child = fork();
  if (child == 0) become(arguments.data(), pipe_ends[1], error_log, self);
  close(pipe_ends[1]);
  if (error_log >= 0) close(error_log);
  if (child < 0) {
    close(pipe_ends[0]);
    return Error{ErrorCode::kUnavailable, "cannot start " + program + ": " + reason()};
  }
  ChildResult result;
  result.output = read_all(pipe_ends[0]);
  close(pipe_ends[0]);
  int status = 0;
  rusage usage{};
  while (wait4(child, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  result.peak_bytes = static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
  if (WIFEXITED(status)) result.exit_status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  if (result.exit_status == kCannotStart) {
    return Error{ErrorCode::kNotFound, "cannot run " + program};
  }
  return result;
}

Result<fs::path> find_program(const std::string& name, const std::string& variable) {
  if (const char* named = std::getenv(variable.c_str()); named != nullptr && *named != '\0') {
    if (is_program(named)) return fs::path(named);
    return Error{ErrorCode::kNotFound, variable + " names no program: " + named};
  }
  std::error_code error;
  const fs::path beside = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const fs::path& place : {beside / name, beside / "src/apps/kith_train" / name}) {
    if (is_program(place)) return place;
  }
  const char* path = std::getenv("PATH");
  std::istringstream places(path == nullptr ? "" : path);
  for (std::string place; std::getline(places, place, ':');) {
    if (!place.empty() && is_program(fs::path(place) / name)) return fs::path(place) / name;
  }
  return Error{
      ErrorCode::kNotFound,
      name + " is neither in " + beside.string() +
          " nor on the PATH: install what it needs (scripts/setup.sh test), build it (cmake "
          "--preset test && cmake --build --preset test --target " +
          name + "), or let " + variable + " name it"};
}

}  // namespace kith::tuning
