// POST /v1/import/{kind}: records in the body, JSONL or CSV.
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "kith/api/records.h"
#include "kith/profile/event_import.h"
#include "kith/profile/import.h"
#include "kith/server/identity.h"
#include "kith/server/routes.h"

namespace kith::server {
namespace {

// Bad lines told in the answer; all are counted.
constexpr std::size_t kMaxBadLines = 100;

// The body as a file that importers can open, in memory only: records about people must not stay
// behind on a disk.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : fd_(memfd_create("kith-import", MFD_CLOEXEC)) {
    while (fd_ >= 0 && !bytes.empty()) {
      const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) break;
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    is_complete_ = fd_ >= 0 && bytes.empty();
  }
  ~MemoryFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  bool is_complete() const { return is_complete_; }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
  bool is_complete_ = false;
};

Result<storage::ImportReport> import_users(const Context& context, const TenantId& tenant,
                                           profile::Importer& importer, const std::string& path) {
  const base::UnixMicros begun = context.services.clock.now();
  KITH_ASSIGN_OR_RETURN(auto report, importer.import_users(path));
  if (context.services.newcomers != nullptr) {
    context.services.newcomers->begin(storage::TenantScope{tenant});
  }
  personalize::PersonaLearner* learner = context.services.learner;
  if (learner == nullptr || report.num_updated == 0) return report;
  KITH_RETURN_IF_ERROR(learner->look_again(storage::TenantScope{tenant}, begun));
  return report;
}

Result<storage::ImportReport> import(const Context& context, const TenantId& tenant,
                                     const std::string& kind, const std::string& path) {
  profile::ImportOptions options;
  options.tenant = tenant;
  options.records.max_bad_lines = kMaxBadLines;
  profile::Importer importer(context.services.stores, context.services.clock, options);
  if (kind == "users") return import_users(context, tenant, importer, path);
  if (kind == "conversations") return importer.import_conversations(path);
  if (kind == "feedback") return importer.import_feedback(path);
  if (kind == "knowledge") {
    return context.services.knowledge.import(storage::TenantScope{tenant}, path, options.records);
  }
  return Error{ErrorCode::kNotFound,
               "kinds of records are users, events, conversations, knowledge and feedback"};
}

// Members of the query name columns of the body: ?item=movieId. `default_kind` is the kind of
// events that name none.
Result<profile::EventImportReport> import_events(const Context& context, const TenantId& tenant,
                                                 const HttpRequest& request,
                                                 const std::string& path) {
  profile::EventImportOptions options;
  options.tenant = storage::TenantScope{tenant};
  options.records.max_bad_lines = kMaxBadLines;
  for (const auto& [name, value] : request.query) {
    if (name == "default_kind") {
      options.kind = value;
    } else {
      options.columns.emplace(name, value);
    }
  }
  return profile::import_events(context.services.stores.timelines(), context.services.clock,
                                options, path);
}

Result<profile::EventImportReport> import_records(const Context& context, const TenantId& tenant,
                                                  const Call& call, const std::string& path) {
  if (call.params[0] == "events") return import_events(context, tenant, call.request, path);
  KITH_ASSIGN_OR_RETURN(auto report, import(context, tenant, call.params[0], path));
  return profile::EventImportReport{std::move(report), 0};
}

}  // namespace

api::Outcome<HttpResponse> post_import(const Context& context, const Call& call) {
  auto tenant = resolve_tenant(call.request, call.principal);
  if (!tenant) return std::move(tenant).error();
  const MemoryFile file(call.request.body);
  if (!file.is_complete()) {
    return explain(Error{ErrorCode::kUnavailable, "no memory for the import"}, call);
  }
  const auto report = import_records(context, *tenant, call, file.path());
  if (!report) {
    // The name of the memory file means nothing to the client.
    Error error = report.error();
    const std::size_t at = error.message.find(file.path());
    if (at != std::string::npos) error.message.replace(at, file.path().size(), "body");
    return explain(error, call);
  }
  if (context.services.user_embeddings != nullptr && call.params[0] == "events") {
    context.services.user_embeddings->wake();
  }
  const storage::ImportReport& records = report->records;
  api::ImportView view{records.num_added,  records.num_updated,         records.num_unchanged,
                       records.num_failed, report->num_from_the_future, {}};
  for (const storage::BadLine& bad : records.bad_lines) {
    view.bad_lines.push_back({bad.line, bad.reason});
  }
  return json_response(api::import_body(call.params[0], view));
}

}  // namespace kith::server
