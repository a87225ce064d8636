#include "kith/runtime/startup_bench.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <limits>
#include <string_view>
#include <vector>

#include "kith/base/json.h"

namespace kith::runtime {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::seconds(30);

Error failed(const char* what) {
  return Error{ErrorCode::kUnavailable, std::string(what) + ": " + std::strerror(errno)};
}

// A file descriptor that is closed at the end.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }

  int get() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

// A new directory, removed at the end.
class TemporaryDirectory {
 public:
  static Result<TemporaryDirectory> create() {
    std::error_code error;
    std::string name = (fs::temp_directory_path(error) / "kith-startup-XXXXXX").string();
    if (error || ::mkdtemp(name.data()) == nullptr) return failed("cannot make a directory");
    return TemporaryDirectory(name);
  }
  TemporaryDirectory(TemporaryDirectory&& other) noexcept : path_(std::move(other.path_)) {
    other.path_.clear();
  }
  TemporaryDirectory& operator=(TemporaryDirectory&&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  explicit TemporaryDirectory(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

// The environment as a shell has it: without the setting that this program makes for itself before
// it starts once more, so that this second start is measured too.
std::vector<char*> plain_environment() {
  std::vector<char*> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with("GOMP_SPINCOUNT=")) variables.push_back(*entry);
  }
  variables.push_back(nullptr);
  return variables;
}

// A server of our own, asked to stop and waited for at the end.
class ServerProcess {
 public:
  static Result<ServerProcess> start(const fs::path& data, const std::string& model_dir) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return failed("pipe");
    Descriptor output(ends[0]);
    Descriptor input(ends[1]);
    std::vector<std::string> arguments{"kith",   "serve",       "--data", data.string(),
                                       "--host", "127.0.0.1",   "--port", "0",
                                       "--json", "--log-level", "error"};
    if (!model_dir.empty()) arguments.insert(arguments.end(), {"--model", model_dir});
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, input.get(), STDOUT_FILENO);
    pid_t pid = 0;
    const auto environment = plain_environment();
    const int code =
        ::posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, argv.data(), environment.data());
    ::posix_spawn_file_actions_destroy(&actions);
    if (code != 0) {
      return Error{ErrorCode::kUnavailable,
                   std::string("cannot start kith serve: ") + std::strerror(code)};
    }
    const int fd = ::dup(output.get());
    return ServerProcess(pid, fd);
  }

  ServerProcess(ServerProcess&& other) noexcept : pid_(other.pid_), output_(other.output_) {
    other.pid_ = -1;
    other.output_ = -1;
  }
  ServerProcess& operator=(ServerProcess&&) = delete;
  ~ServerProcess() {
    if (output_ >= 0) ::close(output_);
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }

  // The port that its first line names.
  Result<std::uint16_t> wait_for_port() const {
    std::string line;
    const auto deadline = Clock::now() + kPatience;
    while (line.find('\n') == std::string::npos) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
      pollfd wanted{output_, POLLIN, 0};
      if (left.count() <= 0 || ::poll(&wanted, 1, static_cast<int>(left.count())) <= 0) {
        return Error{ErrorCode::kUnavailable, "kith serve did not become ready in 30 seconds"};
      }
      char bytes[512];
      const auto size = ::read(output_, bytes, sizeof(bytes));
      if (size <= 0) return Error{ErrorCode::kUnavailable, "kith serve ended at its start"};
      line.append(bytes, static_cast<std::size_t>(size));
    }
    KITH_ASSIGN_OR_RETURN(const base::Json json, base::parse_json(line.substr(0, line.find('\n'))));
    KITH_ASSIGN_OR_RETURN(const auto url, base::read_string(json, "url"));
    const std::size_t colon = url.value_or("").rfind(':');
    if (colon == std::string::npos) {
      return Error{ErrorCode::kUnavailable, "kith serve did not say where it serves"};
    }
    return static_cast<std::uint16_t>(std::stoi(url->substr(colon + 1)));
  }

 private:
  ServerProcess(pid_t pid, int output) : pid_(pid), output_(output) {}

  pid_t pid_;
  int output_;
};

Status ask_whether_ready(std::uint16_t port) {
  const Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{30, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const void* const untyped = &address;
  if (::connect(socket.get(), static_cast<const sockaddr*>(untyped), sizeof(address)) != 0) {
    return failed("cannot connect to kith serve");
  }
  constexpr std::string_view kQuestion =
      "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  if (::send(socket.get(), kQuestion.data(), kQuestion.size(), MSG_NOSIGNAL) < 0) {
    return failed("cannot ask kith serve");
  }
  std::string answer;
  while (answer.size() < 12) {
    char bytes[512];
    const auto size = ::recv(socket.get(), bytes, sizeof(bytes), 0);
    if (size <= 0) break;
    answer.append(bytes, static_cast<std::size_t>(size));
  }
  if (answer.starts_with("HTTP/1.1 200")) return {};
  return Error{ErrorCode::kUnavailable, "kith serve says that it is not ready"};
}

Result<double> time_start(const std::string& model_dir) {
  KITH_ASSIGN_OR_RETURN(const TemporaryDirectory data, TemporaryDirectory::create());
  const auto start = Clock::now();
  KITH_ASSIGN_OR_RETURN(const ServerProcess server,
                        ServerProcess::start(data.path() / "data", model_dir));
  KITH_ASSIGN_OR_RETURN(const std::uint16_t port, server.wait_for_port());
  KITH_RETURN_IF_ERROR(ask_whether_ready(port));
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

Result<StartupResult> bench_startup(const StartupBench& options) {
  StartupResult result;
  result.best_seconds = std::numeric_limits<double>::infinity();
  for (int round = 0; round < options.rounds; ++round) {
    KITH_ASSIGN_OR_RETURN(const double seconds, time_start(options.model_dir));
    result.best_seconds = std::min(result.best_seconds, seconds);
    result.worst_seconds = std::max(result.worst_seconds, seconds);
    ++result.num_starts;
  }
  return result;
}

}  // namespace kith::runtime
