#include "kith/upstream/openai_client.h"

#include <curl/curl.h>

#include <mutex>
#include <utility>
#include <vector>

#include "kith/base/json.h"
#include "kith/upstream/sse_parser.h"

namespace kith::upstream {
namespace {

struct CurlDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
using CurlHandle = std::unique_ptr<CURL, CurlDeleter>;

struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, ListDeleter>;

// libcurl wants one initialization per process, before its first use.
void initialize_curl() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

// What happens to the bytes of one answer.
struct Transfer {
  CURL* handle = nullptr;
  std::size_t max_bytes = 0;
  const std::atomic<bool>* cancelled = nullptr;
  // Null collects the whole answer in `body`.
  SseParser* parser = nullptr;
  std::string body;
  Status failure;

  bool is_cancelled() const { return cancelled != nullptr && cancelled->load(); }

  bool is_success() const {
    long status = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    return status >= 200 && status < 300;
  }
};

// Returning another number than it was given makes libcurl end the transfer.
std::size_t on_bytes(const char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view bytes(data, size * count);
  if (transfer.is_cancelled()) return 0;
  // An error comes as a JSON body also when a stream was asked for.
  if (transfer.parser == nullptr || !transfer.is_success()) {
    if (transfer.body.size() + bytes.size() > transfer.max_bytes) {
      transfer.failure = Error{ErrorCode::kUnavailable, "the upstream's answer is too large"};
      return 0;
    }
    transfer.body += bytes;
    return bytes.size();
  }
  if (auto parsed = transfer.parser->append(bytes); !parsed) {
    transfer.failure = std::move(parsed);
    return 0;
  }
  return transfer.parser->stopped() ? 0 : bytes.size();
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(user)->is_cancelled() ? 1 : 0;
}

// The message of an OpenAI error body, if it is one.
std::string upstream_message(const std::string& body) {
  const auto json = base::parse_json(body);
  if (!json || !json->is_object()) return {};
  const auto error = json->find("error");
  if (error == json->end() || !error->is_object()) return {};
  const auto message = base::read_string(*error, "message");
  return message && *message ? ": " + **message : std::string();
}

Status status_error(long status, const std::string& body) {
  if (status >= 200 && status < 300) return {};
  const std::string text = "the upstream answered " + std::to_string(status) + upstream_message(body);
  switch (status) {
    case 400:
    case 404:
    case 413:
    case 422:
      return Error{ErrorCode::kInvalidArgument, text};
    case 429:
      return Error{ErrorCode::kOverloaded, text};
    default:
      return Error{ErrorCode::kUnavailable, text};
  }
}

Result<std::string> normalize(std::string url) {
  if (!url.starts_with("http://") && !url.starts_with("https://")) {
    return Error{ErrorCode::kInvalidArgument,
                 "the upstream must be an http or https address: " + url};
  }
  while (url.ends_with('/')) url.pop_back();
  if (!url.ends_with("/v1")) url += "/v1";
  return url;
}

}  // namespace

struct OpenAiClient::Impl {
  ClientOptions options;
  mutable std::mutex mutex;
  mutable std::vector<CurlHandle> idle;  // guarded by mutex

  CurlHandle take() const {
    const std::lock_guard lock(mutex);
    if (idle.empty()) return CurlHandle(curl_easy_init());
    CurlHandle handle = std::move(idle.back());
    idle.pop_back();
    return handle;
  }

  // A reset handle keeps its open connection.
  void give_back(CurlHandle handle) const {
    constexpr std::size_t kMaxIdle = 32;
    curl_easy_reset(handle.get());
    const std::lock_guard lock(mutex);
    if (idle.size() < kMaxIdle) idle.push_back(std::move(handle));
  }

  void configure(CURL* handle, Transfer& transfer, const std::string& url,
                 curl_slist* headers) const {
    curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS,
                     static_cast<long>(options.connect_timeout.count()));
    // Fewer than one byte a second for so many seconds.
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME,
                     static_cast<long>((options.idle_timeout.count() + 999) / 1000));
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &transfer);
  }

  HeaderList make_headers() const {
    curl_slist* list = curl_slist_append(nullptr, "Content-Type: application/json");
    list = curl_slist_append(list, "Expect:");
    if (!options.api_key.empty()) {
      list = curl_slist_append(list, ("Authorization: Bearer " + options.api_key).c_str());
    }
    return HeaderList(list);
  }

  // A null body is a GET.
  Result<std::string> perform(const std::string& path, const std::string* body, SseParser* parser,
                              const std::atomic<bool>* cancelled) const {
    CurlHandle handle = take();
    if (!handle) return Error{ErrorCode::kInternal, "cannot create an http client"};
    Transfer transfer{.handle = handle.get(),
                      .max_bytes = options.max_response_bytes,
                      .cancelled = cancelled,
                      .parser = parser,
                      .body = {},
                      .failure = {}};
    const HeaderList headers = make_headers();
    const std::string url = options.base_url + path;
    configure(handle.get(), transfer, url, headers.get());
    if (body != nullptr) {
      curl_easy_setopt(handle.get(), CURLOPT_POSTFIELDS, body->data());
      curl_easy_setopt(handle.get(), CURLOPT_POSTFIELDSIZE_LARGE,
                       static_cast<curl_off_t>(body->size()));
    }
    const CURLcode code = curl_easy_perform(handle.get());
    long status = 0;
    curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
    const bool stopped = parser != nullptr && parser->stopped();
    Status outcome = judge(code, status, transfer, stopped);
    give_back(std::move(handle));
    if (!outcome) return std::move(outcome).error();
    return std::move(transfer.body);
  }

  static Status judge(CURLcode code, long status, const Transfer& transfer, bool stopped) {
    if (!transfer.failure) return transfer.failure;
    if (transfer.is_cancelled()) return Error{ErrorCode::kCancelled, "cancelled"};
    if (code == CURLE_OK) return status_error(status, transfer.body);
    if (stopped) return {};
    if (code == CURLE_OPERATION_TIMEDOUT) {
      return Error{ErrorCode::kDeadlineExceeded, "the upstream did not answer in time"};
    }
    return Error{ErrorCode::kUnavailable,
                 std::string("the upstream cannot be reached: ") + curl_easy_strerror(code)};
  }
};

OpenAiClient::OpenAiClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
OpenAiClient::~OpenAiClient() = default;

Result<std::unique_ptr<OpenAiClient>> OpenAiClient::create(const ClientOptions& options) {
  initialize_curl();
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  KITH_ASSIGN_OR_RETURN(impl->options.base_url, normalize(options.base_url));
  return std::unique_ptr<OpenAiClient>(new OpenAiClient(std::move(impl)));
}

Result<std::string> OpenAiClient::chat(const std::string& body,
                                       const std::atomic<bool>* cancelled) const {
  return impl_->perform("/chat/completions", &body, nullptr, cancelled);
}

Status OpenAiClient::stream_chat(const std::string& body, const OnEvent& on_event,
                                 const std::atomic<bool>* cancelled) const {
  bool done = false;
  SseParser parser([&](std::string_view data) {
    done = data.starts_with("[DONE]");
    return !done && on_event(data);
  });
  auto outcome = impl_->perform("/chat/completions", &body, &parser, cancelled);
  if (!outcome) return std::move(outcome).error();
  // A server that closes early has not finished its answer.
  if (!parser.stopped()) {
    return Error{ErrorCode::kUnavailable, "the upstream's stream ended before [DONE]"};
  }
  return {};
}

Result<std::string> OpenAiClient::models() const {
  return impl_->perform("/models", nullptr, nullptr, nullptr);
}

}  // namespace kith::upstream
