// POST /v1/completions.
#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <random>
#include <utility>

#include "kith/api/sse.h"
#include "kith/server/chat_convert.h"
#include "kith/server/completion_service.h"
#include "kith/server/event_stream.h"
#include "kith/server/identity.h"
#include "kith/server/model_choice.h"
#include "kith/server/refused_member.h"
#include "kith/server/routes.h"
#include "kith/server/unknown_fields.h"

namespace kith::server {
namespace {

constexpr std::int64_t kMicrosPerSecond = 1'000'000;

std::string make_completion_id() {
  thread_local std::random_device random;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string id = "cmpl-";
  for (int i = 0; i < 3; ++i) {
    const std::uint32_t word = random();
    for (int shift = 28; shift >= 0; shift -= 4) id += kDigits[(word >> shift) & 0xFU];
  }
  return id;
}

// Turns pieces of texts into server-sent events. Thread-safe.
class CompletionEvents final : public CompletionSink {
 public:
  // Borrows all but the head. `headers` are those of the answer.
  CompletionEvents(const Context& context, ResponseWriter& writer, const HeaderList& headers,
                   const api::Completion& head, bool wants_usage)
      : context_(context),
        writer_(writer),
        headers_(headers),
        chunks_(head, wants_usage),
        wants_usage_(wants_usage),
        started_(context.services.clock.monotonic()) {}

  void offer() { writer_.offer_stream(event_stream_head(headers_)); }

  void on_piece(int choice, const api::CompletionChoice& piece) override {
    const std::lock_guard lock(mutex_);
    start();
    if (!std::exchange(has_text_, true)) {
      const std::chrono::duration<double> seconds = context_.services.clock.monotonic() - started_;
      context_.services.metrics.on_first_text(seconds.count());
    }
    say(chunks_.piece(choice, piece));
  }

  // The end of a stream that went well.
  void finish(const api::Completion& completion) {
    const std::lock_guard lock(mutex_);
    start();
    for (std::size_t i = 0; i < completion.choices.size(); ++i) {
      say(chunks_.finish(static_cast<int>(i), completion.choices[i]));
    }
    if (wants_usage_) say(chunks_.usage(completion));
    writer_.write(api::kSseDone);
    writer_.finish();
  }

 private:
  void start() {
    if (!std::exchange(has_started_, true)) {
      writer_.start_stream(event_stream_head(headers_));
    }
  }
  // A failed write has cancelled the request already; nothing else is to be done here.
  void say(const std::string& json) { writer_.write(api::sse_event(json)); }

  const Context& context_;
  ResponseWriter& writer_;
  const HeaderList& headers_;
  const api::CompletionChunkWriter chunks_;
  const bool wants_usage_;
  const std::chrono::nanoseconds started_;
  std::mutex mutex_;
  bool has_started_ = false;  // guarded by mutex_
  bool has_text_ = false;     // guarded by mutex_
};

// A job, and how its answer is told.
struct Prepared {
  CompletionJob job;
  api::Completion head;
  bool is_stream = false;
  bool wants_usage = false;
  // Of the answer.
  HeaderList headers;
};

CompletionJob to_job(api::CompletionRequest request) {
  CompletionJob job;
  job.prompts = std::move(request.prompts);
  job.sampling = to_sampling(request);
  job.max_tokens = request.max_tokens;
  job.num_choices = request.n;
  job.best_of = request.best_of;
  job.echo = request.echo;
  job.logprobs = request.logprobs;
  job.stop = std::move(request.stop);
  job.format = to_format(std::move(request.format));
  return job;
}

std::optional<api::ApiError> refuse_unsupported(const Context& context,
                                                const api::CompletionRequest& request) {
  if (!request.unsupported.empty()) return unsupported(request.unsupported.front());
  return refuse_unknown(context.options, request.unknown);
}

api::Outcome<Prepared> prepare(const Context& context, const Call& call) {
  auto request = api::parse_completion_request(call.request.body);
  if (!request) return std::move(request).error();
  const NamedUser named{request->kith.tenant, request->kith.user, request->user,
                        request->metadata_user_id, request->safety_identifier};
  // Nothing is kept about the user, but a key that belongs to one must not name another.
  const auto scope =
      resolve_scope(call.request, call.principal, named, context.options.trusted_peers);
  if (!scope) return scope.error();
  if (auto error = refuse_unsupported(context, *request)) return *std::move(error);
  const auto& generator = context.services.generator;
  auto adapters = find_named_adapters(generator, request->model, request->lora,
                                      context.options.accepts_any_model);
  if (!adapters) return std::move(adapters).error();
  auto rows = read_soft_prompt(generator, std::move(request->kith.soft_prompt));
  if (!rows) return std::move(rows).error();

  Prepared prepared;
  const bool is_adapter =
      *adapters && (*adapters)->size() == 1 && (*adapters)->front().id.str() == request->model;
  prepared.head.id = make_completion_id();
  prepared.head.created = context.services.clock.now() / kMicrosPerSecond;
  prepared.head.model = is_adapter ? request->model : generator.capabilities().model;
  prepared.is_stream = request->is_stream;
  prepared.wants_usage = request->wants_usage;
  prepared.headers = call.headers;
  tell_ignored(request->unknown, prepared.headers);
  prepared.job = to_job(*std::move(request));
  prepared.job.tenant = scope->tenant;
  if (*adapters) prepared.job.adapters = **std::move(adapters);
  prepared.job.soft_prompt = *std::move(rows);
  return prepared;
}

// The error of a job, with the member that it names.
api::ApiError explain_job(const Error& error, const CompletionJob& job, const Call& call) {
  api::ApiError told = explain(error, call);
  if (error.code != ErrorCode::kInvalidArgument) return told;
  const std::string& format = job.format.member;
  if (!format.empty() && error.message.starts_with(format + ": ")) {
    told.param = format;
    told.code = "invalid_schema";
    return told;
  }
  const char* const answers = job.best_of > job.num_choices ? "best_of"
                              : job.num_choices > 1         ? "n"
                                                            : "max_tokens";
  name_member(error, {.prompt = "prompt", .answers = answers}, told);
  return told;
}

void complete(const Context& context, const Call& call) {
  auto prepared = prepare(context, call);
  if (!prepared) return refuse(call, prepared.error());
  const CompletionJob& job = prepared->job;
  CompletionEvents events(context, call.writer, prepared->headers, prepared->head,
                          prepared->wants_usage);
  if (prepared->is_stream) events.offer();
  auto reply = context.services.completions->complete(job, prepared->is_stream ? &events : nullptr,
                                                      call.writer.cancel_token());
  if (!reply) return refuse(call, explain_job(reply.error(), job, call));
  api::Completion completion = std::move(prepared->head);
  completion.choices = std::move(reply->choices);
  completion.prompt_tokens = reply->prompt_tokens;
  completion.cached_tokens = reply->cached_tokens;
  completion.completion_tokens = reply->completion_tokens;
  context.services.metrics.on_answer("none", "completion",
                                     {.prompt = completion.prompt_tokens,
                                      .completion = completion.completion_tokens,
                                      .generated = completion.completion_tokens});
  if (prepared->is_stream) return events.finish(completion);
  HttpResponse response = json_response(api::completion_body(completion));
  response.headers = prepared->headers;
  response.headers.emplace_back("Cache-Control", "no-store");
  call.writer.send(std::move(response));
}

// What an upstream answers goes through as it is.
void forward(const Context& context, const Call& call) {
  auto request = api::parse_forwarded_completion(call.request.body);
  if (!request) return refuse(call, request.error());
  const NamedUser named{request->tenant, request->kith_user, request->user,
                        request->metadata_user_id, request->safety_identifier};
  const auto scope =
      resolve_scope(call.request, call.principal, named, context.options.trusted_peers);
  if (!scope) return refuse(call, scope.error());
  CompletionService& service = *context.services.completions;
  const std::stop_token cancel = call.writer.cancel_token();
  if (!request->is_stream) {
    auto body = service.forward(request->body, nullptr, cancel);
    if (!body) return refuse(call, explain(body.error(), call));
    HttpResponse response = json_response(*std::move(body));
    response.headers = call.headers;
    response.headers.emplace_back("Cache-Control", "no-store");
    return call.writer.send(std::move(response));
  }
  call.writer.offer_stream(event_stream_head(call.headers));
  const auto pass_on = [&call](std::string_view data) {
    call.writer.start_stream(event_stream_head(call.headers));
    std::string line(data);
    // Between the parts of JSON a line's end is only white space.
    std::replace(line.begin(), line.end(), '\n', ' ');
    call.writer.write(api::sse_event(line));
  };
  const auto ended = service.forward(request->body, pass_on, cancel);
  if (!ended) return refuse(call, explain(ended.error(), call));
  call.writer.start_stream(event_stream_head(call.headers));
  call.writer.write(api::kSseDone);
  call.writer.finish();
}

}  // namespace

void post_completions(const Context& context, const Call& call) {
  const CompletionService* service = context.services.completions;
  if (service == nullptr) {
    return refuse(call, api::unavailable("plain completions are not served here"));
  }
  return service->is_upstream() ? forward(context, call) : complete(context, call);
}

}  // namespace kith::server
