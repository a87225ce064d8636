// POST /v1/chat/completions.
#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "kith/api/field_reader.h"
#include "kith/api/sse.h"
#include "kith/server/chat_convert.h"
#include "kith/server/event_stream.h"
#include "kith/server/identity.h"
#include "kith/server/model_choice.h"
#include "kith/server/refused_member.h"
#include "kith/server/routes.h"
#include "kith/server/unknown_fields.h"

namespace kith::server {
namespace {

// `headers`, and what the answer says about itself.
HeaderList kith_headers(HeaderList headers, const personalize::ChatAnswer& answer) {
  const auto put = [&](const char* name, const std::string& value) {
    if (!value.empty()) headers.emplace_back(name, to_header_value(value));
  };
  put("X-Kith-Decision", answer.decision.str());
  put("X-Kith-Persona", answer.persona.str());
  put("X-Kith-Adapter", answer.adapter.str());
  return headers;
}

// Turns what the pipeline says into server-sent events.
class EventSink final : public personalize::AnswerSink {
 public:
  // Borrows all but the numbers. `headers` are those of the answer.
  EventSink(const Context& context, const Call& call, const HeaderList& headers, int num_choices,
            bool wants_usage)
      : context_(context),
        writer_(call.writer),
        headers_(headers),
        num_choices_(num_choices),
        wants_usage_(wants_usage),
        started_(context.services.clock.monotonic()) {}

  void offer() { writer_.offer_stream(event_stream_head(headers_)); }

  void on_start(const personalize::ChatAnswer& head) override {
    if (chunks_) return;
    const api::ChatCompletion wire = to_chat_head(head);
    chunks_.emplace(wire, wants_usage_);
    writer_.start_stream(event_stream_head(kith_headers(headers_, head)));
    for (int i = 0; i < num_choices_; ++i) {
      say(chunks_->start(i, i == 0 ? &wire.kith : nullptr));
    }
  }

  void on_delta(const personalize::AnswerDelta& delta) override {
    if (!chunks_ || (delta.text.empty() && delta.raw.empty() && delta.logprobs.empty())) return;
    if (!has_text_) {
      has_text_ = true;
      const std::chrono::duration<double> seconds = context_.services.clock.monotonic() - started_;
      context_.services.metrics.on_first_text(seconds.count());
    }
    say(chunks_->delta(delta.choice, {delta.text, delta.raw, delta.logprobs}));
  }

  // The end of a stream that went well.
  void finish(const personalize::ChatAnswer& answer) {
    on_start(answer);
    const api::ChatCompletion wire = to_chat_completion(answer);
    for (std::size_t i = 0; i < wire.choices.size(); ++i) {
      say(chunks_->finish(static_cast<int>(i), wire.choices[i], i == 0 ? &wire.kith : nullptr));
    }
    if (wants_usage_) say(chunks_->usage(wire));
    writer_.write(api::kSseDone);
    writer_.finish();
  }

 private:
  // A failed write has cancelled the request already; nothing else is to be done here.
  void say(const std::string& json) { writer_.write(api::sse_event(json)); }

  const Context& context_;
  ResponseWriter& writer_;
  const HeaderList& headers_;
  const int num_choices_;
  const bool wants_usage_;
  const std::chrono::nanoseconds started_;
  std::optional<api::ChunkWriter> chunks_;
  bool has_text_ = false;
};

// What headers say about a request, beside who makes it.
std::optional<api::ApiError> apply_headers(const Context& context, const Call& call,
                                           personalize::ChatRequest& chat) {
  const HttpRequest& request = call.request;
  std::string_view conversation = request.header("x-kith-conversation");
  if (conversation.empty() && chat.conversation.empty() &&
      is_trusted_peer(request, context.options.trusted_peers)) {
    conversation = request.header("x-openwebui-chat-id");
  }
  if (!conversation.empty()) {
    if (!api::is_valid_id(conversation)) {
      return api::bad_request("the conversation id must be 1 to 256 bytes", "X-Kith-Conversation");
    }
    chat.conversation = ConversationId(conversation);
  }
  // A client's own errands (titles, tags): the user did not write them.
  if (!request.header("x-openwebui-task").empty()) chat.stores = false;
  return std::nullopt;
}

// The error of a request that the own engine refused, with the field it named.
api::ApiError explain_refusal(const Error& error, const personalize::ChatRequest& chat,
                              const Call& call) {
  api::ApiError told = explain(error, call);
  if (error.code != ErrorCode::kInvalidArgument) return told;
  const std::string& format = chat.format.member;
  if (!format.empty() && error.message.starts_with(format + ": ")) {
    told.param = format;
    told.code = "invalid_schema";
    return told;
  }
  for (const std::string& name : chat.upstream_only) {
    if (error.message.find(name) == std::string::npos) continue;
    told.param = name;
    told.code = "unsupported_parameter";
    return told;
  }
  name_member(error, {.prompt = "messages", .answers = chat.num_choices > 1 ? "n" : "max_tokens"},
              told);
  return told;
}

struct Prepared {
  personalize::ChatRequest chat;
  bool is_stream = false;
  bool wants_usage = false;
  // Of the answer.
  HeaderList headers;
};

api::Outcome<Prepared> prepare(const Context& context, const Call& call) {
  auto parsed = api::parse_chat_request(call.request.body);
  if (!parsed) return std::move(parsed).error();
  const NamedUser named{parsed->kith.tenant, parsed->kith.user, parsed->user,
                        parsed->metadata_user_id, parsed->safety_identifier};
  auto scope = resolve_scope(call.request, call.principal, named, context.options.trusted_peers);
  if (!scope) return std::move(scope).error();
  Prepared prepared;
  prepared.is_stream = parsed->is_stream;
  prepared.wants_usage = parsed->wants_usage;
  prepared.headers = call.headers;
  const auto& generator = context.services.generator;
  if (generator.capabilities().is_own_engine) {
    if (auto error = refuse_unknown(context.options, parsed->unknown)) return *std::move(error);
    tell_ignored(parsed->unknown, prepared.headers);
  }
  auto adapters = find_named_adapters(generator, parsed->model, parsed->lora,
                                      context.options.accepts_any_model);
  if (!adapters) return std::move(adapters).error();
  auto rows = read_soft_prompt(generator, std::move(parsed->kith.soft_prompt));
  if (!rows) return std::move(rows).error();
  prepared.chat = to_chat_request(*std::move(parsed), *std::move(scope));
  prepared.chat.adapters = *std::move(adapters);
  prepared.chat.soft_prompt = *std::move(rows);
  prepared.chat.admission_ms = std::chrono::duration<double, std::milli>(call.waited).count();
  if (auto error = apply_headers(context, call, prepared.chat)) return *std::move(error);
  return prepared;
}

}  // namespace

void post_chat_completions(const Context& context, const Call& call) {
  auto prepared = prepare(context, call);
  if (!prepared) return refuse(call, prepared.error());
  const auto& chat = prepared->chat;
  EventSink sink(context, call, prepared->headers, chat.num_choices, prepared->wants_usage);
  if (prepared->is_stream) sink.offer();
  const auto answer = context.services.pipeline.answer(chat, prepared->is_stream ? &sink : nullptr,
                                                       call.writer.cancel_token());
  // In a stream that has begun, this is its last event.
  if (!answer) return refuse(call, explain_refusal(answer.error(), chat, call));
  context.services.metrics.on_admitted(answer->queue_class,
                                       std::chrono::duration<double>(call.waited).count());
  if (prepared->is_stream) return sink.finish(*answer);
  HttpResponse response = json_response(api::chat_completion_body(to_chat_completion(*answer)));
  response.headers = kith_headers(prepared->headers, *answer);
  response.headers.emplace_back("Cache-Control", "no-store");
  call.writer.send(std::move(response));
}

}  // namespace kith::server
