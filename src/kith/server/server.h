// The HTTP server: a listening socket, its connections and the threads that answer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "kith/base/result.h"
#include "kith/server/options.h"
#include "kith/server/services.h"

namespace kith::server {

// One network thread (the caller of run()), and worker threads for calls that block.
class Server {
 public:
  // Opens the port. Everything in `services` is borrowed and must outlive the server.
  // Errors: kConflict if the port is taken; kInvalidArgument if the host is no IP address, an
  //   option is out of range, the host is not a loopback address and no API key is stored, or the
  //   web directory cannot be read; kUnavailable if the socket or the key store fails.
  static Result<std::unique_ptr<Server>> create(const ServerOptions& options,
                                                const Services& services);
  // Stops if it runs, and waits for the calls that still work.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Serves until stop() and the end of the drain. Call once.
  void run();
  // Takes no new connections, lets running requests finish for drain_timeout, then cancels them.
  // Thread-safe; returns at once.
  void stop();

  std::uint16_t port() const;
  // "http://127.0.0.1:7717".
  std::string url() const;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace kith::server
