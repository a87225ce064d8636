#include "kith/cli/version_access.h"

#include <unistd.h>

#include <utility>

#include "kith/persona/incoming_files.h"
#include "kith/persona/version_document.h"

namespace kith::cli {
namespace {

using base::OrderedJson;

// Who works at this machine's command line.
std::string this_user() {
  const char* name = ::getlogin();
  if (name == nullptr) name = std::getenv("USER");
  return name == nullptr ? "command line" : name;
}

OrderedJson with_reason(OrderedJson body, const std::string& reason) {
  if (!reason.empty()) body["reason"] = reason;
  return body;
}

}  // namespace

Result<VersionAccess> VersionAccess::open(const runtime::Config& config) {
  VersionAccess access{config.data.dir};
  KITH_ASSIGN_OR_RETURN(access.access_, open_directory(config));
  if (access.access_.installation == nullptr) return access;
  KITH_ASSIGN_OR_RETURN(access.versions_,
                        runtime::ServedVersions::create(*access.access_.installation, nullptr));
  return access;
}

Result<OrderedJson> VersionAccess::list(const std::string& persona) {
  if (versions_ == nullptr) {
    KITH_ASSIGN_OR_RETURN(
        const std::string body,
        call_server(*access_.server,
                    {.url = "/v1/personas/" + encode_segment(persona) + "/versions"}));
    return base::parse_ordered_json(body);
  }
  KITH_ASSIGN_OR_RETURN(const AdapterId adapter, versions_->adapter_of(persona));
  KITH_ASSIGN_OR_RETURN(const auto rows, versions_->list(adapter));
  KITH_ASSIGN_OR_RETURN(const auto history, versions_->history(adapter));
  return persona::versions_json(persona, adapter, rows, history);
}

Result<VersionInfo> VersionAccess::find(const OrderedJson& document, int version) const {
  for (const OrderedJson& item : document.value("versions", OrderedJson::array())) {
    if (version != 0 && item.value("version", 0) != version) continue;
    return VersionInfo{item.value("adapter", ""), item.value("version", 0),
                       item.value("status", ""), data_dir_ / item.value("path", ""),
                       item.value("content_hash", "")};
  }
  const std::string adapter = document.value("adapter", "");
  return Error{ErrorCode::kNotFound,
               version == 0 ? adapter + " has no versions yet"
                            : "there is no version " + adapter + "@" + std::to_string(version)};
}

Result<OrderedJson> VersionAccess::post(const std::string& persona, const std::string& what,
                                        const OrderedJson& body) const {
  KITH_ASSIGN_OR_RETURN(
      const std::string answer,
      call_server(*access_.server, {.method = "POST",
                                    .url = "/v1/personas/" + encode_segment(persona) + "/" + what,
                                    .headers = {"Content-Type: application/json"},
                                    .body = base::dump_json(body)}));
  return base::parse_ordered_json(answer);
}

Result<OrderedJson> VersionAccess::tell(Result<storage::AdapterVersionRow> row) {
  if (!row) return std::move(row).error();
  return persona::to_json(*row);
}

Result<OrderedJson> VersionAccess::shadow(const std::string& persona, int version,
                                          int num_examples) {
  if (versions_ == nullptr) {
    KITH_ASSIGN_OR_RETURN(
        const std::string body,
        call_server(*access_.server, {.url = "/v1/personas/" + encode_segment(persona) +
                                             "/versions/" + std::to_string(version) +
                                             "/shadow?examples=" + std::to_string(num_examples)}));
    return base::parse_ordered_json(body);
  }
  KITH_ASSIGN_OR_RETURN(const AdapterId adapter, versions_->adapter_of(persona));
  KITH_ASSIGN_OR_RETURN(
      const auto judgement,
      versions_->judge_shadow({adapter, version}, {static_cast<std::size_t>(num_examples),
                                                   runtime::default_tenant().tenant}));
  return persona::to_json(judgement);
}

Result<OrderedJson> VersionAccess::promote(const std::string& persona, int version,
                                           const std::string& reason) {
  if (versions_ == nullptr) {
    return post(persona, "promote", with_reason({{"version", version}}, reason));
  }
  KITH_ASSIGN_OR_RETURN(const AdapterId adapter, versions_->adapter_of(persona));
  return tell(versions_->promote({adapter, version}, {this_user(), reason}));
}

Result<OrderedJson> VersionAccess::rollback(const std::string& persona, const std::string& reason) {
  if (versions_ == nullptr) {
    return post(persona, "rollback", with_reason(OrderedJson::object(), reason));
  }
  KITH_ASSIGN_OR_RETURN(const AdapterId adapter, versions_->adapter_of(persona));
  return tell(versions_->rollback(adapter, {this_user(), reason}));
}

Result<OrderedJson> VersionAccess::withdraw(const std::string& persona, int version,
                                            const std::string& reason) {
  if (versions_ == nullptr) {
    return post(persona, "withdraw", with_reason({{"version", version}}, reason));
  }
  KITH_ASSIGN_OR_RETURN(const AdapterId adapter, versions_->adapter_of(persona));
  return tell(versions_->withdraw({adapter, version}, {this_user(), reason}));
}

Result<OrderedJson> VersionAccess::try_on(const std::string& persona, int version,
                                          const std::string& as, double share,
                                          const std::string& reason) {
  if (versions_ == nullptr) {
    return post(persona, "try",
                with_reason({{"version", version}, {"as", as}, {"share", share}}, reason));
  }
  KITH_ASSIGN_OR_RETURN(const auto status, storage::parse_version_status(as));
  KITH_ASSIGN_OR_RETURN(const AdapterId adapter, versions_->adapter_of(persona));
  return tell(versions_->try_on({adapter, version}, status, share, {this_user(), reason}));
}

Result<OrderedJson> VersionAccess::set_gate(const std::string& persona, int version, bool passed,
                                            const OrderedJson& document) {
  if (versions_ == nullptr) {
    return post(persona, "gate",
                {{"version", version}, {"passed", passed}, {"document", document}});
  }
  KITH_ASSIGN_OR_RETURN(const AdapterId adapter, versions_->adapter_of(persona));
  return tell(
      versions_->set_gate({adapter, version}, passed, base::dump_json(document), this_user()));
}

Result<OrderedJson> VersionAccess::add(const std::string& persona,
                                       const std::filesystem::path& source,
                                       const std::vector<std::string>& parents,
                                       const std::string& reason) {
  if (versions_ != nullptr) {
    KITH_ASSIGN_OR_RETURN(const auto version,
                          versions_->new_version(persona, source, parents, {this_user(), reason}));
    return tell(versions_->registry().add(version));
  }
  KITH_ASSIGN_OR_RETURN(const std::string incoming, persona::place_incoming(source, data_dir_));
  auto added = post(persona, "register",
                    with_reason({{"incoming", incoming}, {"parents", parents}}, reason));
  // The server has removed it, unless it never came to the order.
  persona::remove_incoming(data_dir_, incoming);
  return added;
}

}  // namespace kith::cli
