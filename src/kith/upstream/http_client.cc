#include "kith/upstream/http_client.h"

#include <curl/curl.h>

#include <mutex>
#include <utility>

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
  const HttpClient::OnBytes* on_bytes = nullptr;
  std::string body;
  Status failure;
  bool stopped = false;

  bool is_cancelled() const { return cancelled != nullptr && cancelled->load(); }

  int status() const {
    long status = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    return static_cast<int>(status);
  }

  // Returns whether the transfer goes on.
  bool take(std::string_view bytes) {
    if (is_cancelled()) return false;
    const bool is_success = status() >= 200 && status() < 300;
    // An error comes as a body also where a stream was asked for.
    if (*on_bytes && is_success) {
      auto more = (*on_bytes)(bytes);
      if (!more) {
        failure = std::move(more).error();
        return false;
      }
      stopped = !*more;
      return *more;
    }
    if (body.size() + bytes.size() > max_bytes) {
      failure = Error{ErrorCode::kUnavailable, "the answer is too large"};
      return false;
    }
    body += bytes;
    return true;
  }
};

// Returning another number than it was given makes libcurl end the transfer.
std::size_t write_bytes(const char* data, std::size_t size, std::size_t count, void* user) {
  const std::string_view bytes(data, size * count);
  return static_cast<Transfer*>(user)->take(bytes) ? bytes.size() : 0;
}

int watch_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(user)->is_cancelled() ? 1 : 0;
}

HeaderList make_headers(const std::vector<std::string>& headers) {
  // Without this libcurl waits for "100 Continue" before a large body.
  curl_slist* list = curl_slist_append(nullptr, "Expect:");
  for (const std::string& header : headers) list = curl_slist_append(list, header.c_str());
  return HeaderList(list);
}

}  // namespace

struct HttpClient::Impl {
  HttpOptions options;
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

  void configure(Transfer& transfer, const HttpRequest& request, curl_slist* headers) const {
    CURL* handle = transfer.handle;
    curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
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
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, write_bytes);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, watch_progress);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &transfer);
    if (request.method == "POST" || request.method == "PUT") {
      curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE,
                       static_cast<curl_off_t>(request.body.size()));
      curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.data());
    }
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
};

HttpClient::HttpClient(const HttpOptions& options) : impl_(std::make_unique<Impl>()) {
  initialize_curl();
  impl_->options = options;
}

HttpClient::~HttpClient() = default;

Result<HttpResponse> HttpClient::send(const HttpRequest& request, const OnBytes& on_bytes,
                                      const std::atomic<bool>* cancelled) const {
  CurlHandle handle = impl_->take();
  if (!handle) return Error{ErrorCode::kInternal, "cannot create an http client"};
  Transfer transfer{.handle = handle.get(),
                    .max_bytes = impl_->options.max_response_bytes,
                    .cancelled = cancelled,
                    .on_bytes = &on_bytes};
  const HeaderList headers = make_headers(request.headers);
  impl_->configure(transfer, request, headers.get());
  const CURLcode code = curl_easy_perform(handle.get());
  HttpResponse response{.status = transfer.status(), .body = std::move(transfer.body)};
  impl_->give_back(std::move(handle));

  if (!transfer.failure) return std::move(transfer.failure).error();
  if (transfer.is_cancelled()) return Error{ErrorCode::kCancelled, "cancelled"};
  if (code == CURLE_OK || transfer.stopped) return response;
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return Error{ErrorCode::kDeadlineExceeded, "no answer in time"};
  }
  return Error{ErrorCode::kUnavailable,
               std::string("cannot be reached: ") + curl_easy_strerror(code)};
}

}  // namespace kith::upstream
