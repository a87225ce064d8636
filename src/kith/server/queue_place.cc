#include "kith/server/queue_place.h"

#include <string>

#include "kith/base/json.h"
#include "kith/persona/entitlement.h"
#include "kith/profile/consent.h"
#include "kith/server/identity.h"

namespace kith::server {
namespace {

// A longer body is read once its turn has come; only its headers say then for whom it is.
constexpr std::size_t kMaxReadBytes = std::size_t{256} << 10;

std::string text_of(const base::Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

NamedUser named_in(const std::string& body) {
  NamedUser named;
  if (body.size() > kMaxReadBytes) return named;
  const auto json = base::parse_json(body);
  if (!json || !json->is_object()) return named;
  named.user = text_of(*json, "user");
  named.safety_identifier = text_of(*json, "safety_identifier");
  const auto kith = json->find("kith");
  if (kith != json->end() && kith->is_object()) {
    named.kith_user = text_of(*kith, "user");
    named.tenant = text_of(*kith, "tenant");
  }
  const auto metadata = json->find("metadata");
  if (metadata != json->end() && metadata->is_object()) {
    named.metadata_user_id = text_of(*metadata, "user_id");
  }
  return named;
}

}  // namespace

base::QueueClass class_of(const Context& context, const Principal& principal,
                          const HttpRequest& request) {
  const auto& assigner = context.services.assigner;
  if (!assigner) return base::QueueClass::kNormal;
  const auto scope =
      resolve_scope(request, principal, named_in(request.body), context.options.trusted_peers);
  if (!scope || scope->user.empty()) return base::QueueClass::kNormal;
  auto& stores = context.services.stores;
  if (!profile::is_allowed(stores.consents(), *scope, storage::kConsentPersonalize)) {
    return base::QueueClass::kNormal;
  }
  const auto user = stores.users().find(*scope);
  if (!user || !*user) return base::QueueClass::kNormal;
  return persona::entitle(assigner.get(), (*user)->attributes).queue_class;
}

}  // namespace kith::server
