// Everything between a parsed request and its answer: routes, rights, admission. No sockets.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "kith/server/auth.h"
#include "kith/server/http.h"
#include "kith/server/options.h"
#include "kith/server/services.h"
#include "kith/server/static_files.h"
#include "kith/server/worker_pool.h"

namespace kith::server {

// What handlers work with.
struct Context {
  const ServerOptions& options;
  const Services& services;
  const StaticFiles& files;
  const std::atomic<bool>& is_draining;
  base::UnixMicros started_at = 0;
};

// One request on its way through a handler.
struct Call {
  const HttpRequest& request;
  const Principal& principal;
  // What stands for the {..} of the route's pattern.
  const std::vector<std::string>& params;
  // For handlers that stream: what every response of this request carries.
  const HeaderList& headers;
  ResponseWriter& writer;
  // From the end of the request's body to here.
  std::chrono::nanoseconds waited{0};
};

// Thread-safe.
class Application final : public Dispatcher {
 public:
  // Errors: see Server::create().
  static Result<std::unique_ptr<Application>> create(const ServerOptions& options, bool is_loopback,
                                                     const Services& services);
  // Finishes the calls that were taken on.
  ~Application() override;

  std::optional<api::ApiError> check_head(const HttpRequest& request) override;
  void dispatch(HttpRequest request, std::shared_ptr<ResponseWriter> writer) override;
  void on_done(const HttpRequest& request, int status, double seconds) override;
  void on_connections(int open) override;

  void on_refused_connection();
  // From now on /readyz says that no more requests should come.
  void begin_drain() { is_draining_ = true; }

 private:
  struct Match;

  Application(const ServerOptions& options, bool is_loopback, const Services& services,
              StaticFiles files);
  Match match(const HttpRequest& request) const;
  void handle(const HttpRequest& request, ResponseWriter& writer,
              std::chrono::nanoseconds waited = {}) const;
  void answer(const Match& match, const HttpRequest& request, ResponseWriter& writer,
              std::chrono::nanoseconds waited) const;
  void find_class(const std::shared_ptr<const HttpRequest>& request, WorkerPool::Ticket ticket);
  std::optional<api::ApiError> check(const Match& match, const HttpRequest& request,
                                     Principal& principal) const;
  std::optional<HttpResponse> preflight(const HttpRequest& request) const;
  HeaderList cors_headers(const HttpRequest& request) const;
  void update_job_metrics() const;

  const ServerOptions options_;
  const Services services_;
  const StaticFiles files_;
  const Authenticator authenticator_;
  std::atomic<bool> is_draining_{false};
  mutable std::mutex job_metrics_mutex_;
  const Context context_;
  // Last, so that they end before what their jobs use.
  std::unique_ptr<WorkerPool> generations_;
  std::unique_ptr<WorkerPool> calls_;
};

}  // namespace kith::server
