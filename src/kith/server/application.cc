#include "kith/server/application.h"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "kith/base/log.h"
#include "kith/server/queue_place.h"
#include "kith/server/routes.h"

namespace kith::server {

struct Application::Match {
  const Route* route = nullptr;
  std::vector<std::string> params;
  // Methods of the routes with this path; empty if there is no such path.
  std::string allowed;
};

namespace {

// The method as a label: clients may send any word.
std::string_view method_label(std::string_view method) {
  constexpr std::array<std::string_view, 6> kMethods{"GET", "HEAD",   "POST",
                                                     "PUT", "DELETE", "OPTIONS"};
  const auto found = std::find(kMethods.begin(), kMethods.end(), method);
  return found == kMethods.end() ? "other" : *found;
}

// "application/json; charset=utf-8" gives "application/json".
std::string media_type(std::string_view header) {
  header = header.substr(0, header.find(';'));
  while (header.ends_with(' ')) header.remove_suffix(1);
  std::string type(header);
  for (char& c : type) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return type;
}

std::optional<api::ApiError> check_media_type(BodyKind kind, const HttpRequest& request) {
  const std::string type = media_type(request.header("content-type"));
  if (kind == BodyKind::kJson && type != "application/json") {
    return api::unsupported_media_type("the content type must be application/json");
  }
  constexpr std::array<std::string_view, 5> kRecordTypes{
      "application/jsonl", "application/x-ndjson", "application/x-jsonlines", "application/json",
      "text/csv"};
  const bool is_record =
      std::find(kRecordTypes.begin(), kRecordTypes.end(), type) != kRecordTypes.end();
  if (kind == BodyKind::kRecords && !is_record) {
    return api::unsupported_media_type("the content type must be application/jsonl or text/csv");
  }
  return std::nullopt;
}

}  // namespace

Result<std::unique_ptr<Application>> Application::create(const ServerOptions& options,
                                                         bool is_loopback,
                                                         const Services& services) {
  StaticFiles files;
  if (!options.web_directory.empty()) {
    KITH_ASSIGN_OR_RETURN(files, StaticFiles::load(options.web_directory));
  }
  std::unique_ptr<Application> application(
      new Application(options, is_loopback, services, std::move(files)));
  if (!is_loopback) {
    KITH_ASSIGN_OR_RETURN(const bool has_keys, application->authenticator_.has_keys());
    if (!has_keys) {
      return Error{ErrorCode::kInvalidArgument,
                   "an API key is required to listen beyond this machine: make one, or use the "
                   "host 127.0.0.1 instead of " +
                       options.host};
    }
  }
  return application;
}

Application::Application(const ServerOptions& options, bool is_loopback, const Services& services,
                         StaticFiles files)
    : options_(options),
      services_(services),
      files_(std::move(files)),
      authenticator_(services.stores.keys(),
                     AuthOptions{is_loopback, options.local_token, options.cors_origins}),
      context_{options_, services_, files_, is_draining_, services.clock.now()},
      generations_(std::make_unique<WorkerPool>(options.generation_threads,
                                                options.generations_waiting, services_.clock,
                                                options.head_starts)),
      calls_(std::make_unique<WorkerPool>(options.worker_threads, options.calls_waiting,
                                          services_.clock)) {}

// Jobs of either pool count those of both, so neither goes before the other has ended.
Application::~Application() {
  generations_->close();
  calls_->close();
}

Application::Match Application::match(const HttpRequest& request) const {
  const std::string_view sent = request.method;
  const std::string_view method = sent == "HEAD" ? std::string_view("GET") : sent;
  Match found;
  for (const Route& route : all_routes()) {
    auto params = match_pattern(route.pattern, request.segments);
    if (!params) continue;
    if (!found.allowed.empty()) found.allowed += ", ";
    found.allowed += route.method;
    if (route.method != method) continue;
    found.route = &route;
    found.params = *std::move(params);
  }
  return found;
}

std::optional<api::ApiError> Application::check(const Match& match, const HttpRequest& request,
                                                Principal& principal) const {
  if (match.route == nullptr) {
    if (match.allowed.empty()) return api::not_found("there is nothing at this path");
    return api::method_not_allowed("the methods of this path are " + match.allowed);
  }
  if (match.route->access != Access::kPublic) {
    auto caller = authenticator_.authenticate(request);
    if (!caller) return std::move(caller).error();
    principal = *std::move(caller);
    if (match.route->access == Access::kOperator && !principal.is_operator()) {
      return api::forbidden("this call needs an operator's key");
    }
  }
  return check_media_type(match.route->body, request);
}

std::optional<api::ApiError> Application::check_head(const HttpRequest& request) {
  Principal principal;
  return check(match(request), request, principal);
}

void Application::dispatch(HttpRequest request, std::shared_ptr<ResponseWriter> writer) {
  const Match found = match(request);
  const Lane lane = found.route == nullptr ? Lane::kInline : found.route->lane;
  if (lane == Lane::kInline) return handle(request, *writer);
  WorkerPool& pool = lane == Lane::kGeneration ? *generations_ : *calls_;
  // Shared, because a std::function must be copyable.
  const auto shared = std::make_shared<const HttpRequest>(std::move(request));
  const auto run = [this, shared, writer, arrived = services_.clock.monotonic()] {
    update_job_metrics();  // it waits no longer
    // A client that left meanwhile is owed nothing.
    if (!writer->cancel_token().stop_requested()) {
      handle(*shared, *writer, services_.clock.monotonic() - arrived);
    }
    update_job_metrics();
  };
  const WorkerPool::Admission admission = pool.try_run(run, writer->cancel_token());
  update_job_metrics();
  if (admission) {
    if (admission.waits && lane == Lane::kGeneration) find_class(shared, admission.ticket);
    return;
  }
  services_.metrics.on_refused(lane == Lane::kGeneration ? "generation" : "call");
  HttpResponse refusal = error_response(api::overloaded("too many requests are being answered"));
  for (auto& header : cors_headers(*shared)) refusal.headers.push_back(std::move(header));
  writer->send(std::move(refusal));
}

// Beside the queue, as it takes the store: what waits stands as a normal one until it is known.
void Application::find_class(const std::shared_ptr<const HttpRequest>& request,
                             WorkerPool::Ticket ticket) {
  calls_->try_run([this, request, ticket] {
    try {
      const auto principal = authenticator_.authenticate(*request);
      if (!principal) return;
      generations_->set_class(ticket, class_of(context_, *principal, *request));
      update_job_metrics();
    } catch (const std::exception& error) {
      base::log_error("request " + request->id + ": its class is not known: " + error.what());
    }
  });
}

void Application::handle(const HttpRequest& request, ResponseWriter& writer,
                         std::chrono::nanoseconds waited) const {
  // A library's exception must cost one request, not the server.
  try {
    answer(match(request), request, writer, waited);
  } catch (const std::exception& error) {
    base::log_error("request " + request.id + ": " + error.what());
    writer.send(error_response(api::to_api_error(Error{ErrorCode::kInternal, {}})));
  }
}

void Application::answer(const Match& match, const HttpRequest& request, ResponseWriter& writer,
                         std::chrono::nanoseconds waited) const {
  if (auto response = preflight(request)) return writer.send(*std::move(response));
  const bool is_read = request.method == "GET" || request.method == "HEAD";
  if (match.allowed.empty() && is_read) {
    if (auto file = files_.find(request)) return writer.send(*std::move(file));
  }
  Principal principal;
  const HeaderList headers = cors_headers(request);
  const Call call{request, principal, match.params, headers, writer, waited};
  auto refusal = check(match, request, principal);
  if (!refusal && match.route->stream != nullptr) return match.route->stream(context_, call);
  HttpResponse response;
  if (refusal) {
    response = error_response(*refusal);
    if (refusal->status == 405) response.headers.emplace_back("Allow", match.allowed);
  } else {
    auto outcome = match.route->reply(context_, call);
    response = outcome ? *std::move(outcome) : error_response(outcome.error());
  }
  response.headers.emplace_back("Cache-Control", "no-store");
  response.headers.insert(response.headers.end(), headers.begin(), headers.end());
  writer.send(std::move(response));
}

HeaderList Application::cors_headers(const HttpRequest& request) const {
  const std::string origin(request.header("origin"));
  const auto& listed = options_.cors_origins;
  if (origin.empty() || std::find(listed.begin(), listed.end(), origin) == listed.end()) return {};
  return {{"Access-Control-Allow-Origin", origin},
          {"Access-Control-Expose-Headers",
           "X-Request-Id, X-Kith-Decision, X-Kith-Persona, X-Kith-Adapter, X-Kith-Ignored, "
           "Retry-After"},
          {"Vary", "Origin"}};
}

std::optional<HttpResponse> Application::preflight(const HttpRequest& request) const {
  if (request.method != "OPTIONS") return std::nullopt;
  HttpResponse response;
  response.status = 204;
  response.headers = cors_headers(request);
  if (response.headers.empty()) return std::nullopt;
  response.headers.emplace_back("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE");
  response.headers.emplace_back("Access-Control-Allow-Headers",
                                "Authorization, Content-Type, X-Kith-User, X-Kith-Tenant, "
                                "X-Kith-Conversation, X-Request-Id");
  response.headers.emplace_back("Access-Control-Max-Age", "600");
  return response;
}

void Application::update_job_metrics() const {
  // What was counted first is set first.
  const std::lock_guard lock(job_metrics_mutex_);
  services_.metrics.set_jobs(static_cast<int>(generations_->num_jobs()),
                             static_cast<int>(calls_->num_jobs()));
  for (const base::QueueClass queue_class : base::kQueueClasses) {
    services_.metrics.set_waiting(queue_class,
                                  static_cast<int>(generations_->num_waiting(queue_class)));
  }
}

void Application::on_done(const HttpRequest& request, int status, double seconds) {
  const Match found = match(request);
  const std::string_view route = found.route != nullptr ? found.route->pattern
                                 : status < 400         ? std::string_view("static")
                                                        : std::string_view("none");
  services_.metrics.on_http(method_label(request.method), route, status, seconds);
  // A client that left took its waiting job along.
  update_job_metrics();
  base::log_debug("request " + request.id + " " + std::string(method_label(request.method)) + " " +
                  std::string(route) + " " + std::to_string(status));
}

void Application::on_connections(int open) { services_.metrics.set_connections(open); }

void Application::on_refused_connection() { services_.metrics.on_refused("connection"); }

}  // namespace kith::server
