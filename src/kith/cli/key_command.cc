// kith key create|list|revoke
#include <iostream>

#include "kith/cli/command.h"
#include "kith/runtime/installation.h"
#include "kith/storage/api_key.h"

namespace kith::cli {
namespace {

struct KeyArguments {
  std::string role = "end_user";
  std::string user;
  std::string label;
  std::string id;
};

Status create(const GlobalOptions& options, const KeyArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  KITH_ASSIGN_OR_RETURN(const auto installation, runtime::Installation::open(config));
  const auto role =
      arguments.role == "operator" ? storage::KeyRole::kOperator : storage::KeyRole::kEndUser;
  KITH_ASSIGN_OR_RETURN(
      const auto key,
      storage::make_api_key(role, runtime::default_tenant().tenant, UserId(arguments.user),
                            arguments.label, installation->clock().now()));
  KITH_RETURN_IF_ERROR(installation->stores().keys().add(key.row));
  if (options.json) {
    print_json({{"key", key.text}, {"role", arguments.role}});
  } else {
    std::cout << key.text << "\nThis is shown once." << std::endl;
  }
  return {};
}

Status list(const GlobalOptions& options, const KeyArguments&) {
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  KITH_ASSIGN_OR_RETURN(const auto installation, runtime::Installation::open(config));
  KITH_ASSIGN_OR_RETURN(const auto keys,
                        installation->stores().keys().list(runtime::default_tenant()));
  for (const auto& key : keys) {
    print_json({{"id", key.id},
                {"role", key.role == storage::KeyRole::kOperator ? "operator" : "end_user"},
                {"user", key.user.str()},
                {"label", key.label},
                {"created_at", base::to_iso8601(key.created_at)},
                {"revoked", key.revoked_at.has_value()}});
  }
  return {};
}

Status revoke(const GlobalOptions& options, const KeyArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  KITH_ASSIGN_OR_RETURN(const auto installation, runtime::Installation::open(config));
  KITH_ASSIGN_OR_RETURN(const bool revoked,
                        installation->stores().keys().revoke(
                            runtime::default_tenant(), arguments.id, installation->clock().now()));
  if (!revoked) return Error{ErrorCode::kNotFound, "no valid key has this id: " + arguments.id};
  return {};
}

}  // namespace

void add_key_commands(CLI::App& app, GlobalOptions& options, int& status) {
  auto* command = app.add_subcommand("key", "API keys");
  command->require_subcommand(1);
  const auto arguments = std::make_shared<KeyArguments>();
  auto* sub = command->add_subcommand("create", "make a key");
  sub->add_option("--role", arguments->role)->check(CLI::IsMember({"end_user", "operator"}));
  sub->add_option("--user", arguments->user, "the only user that the key may speak for");
  sub->add_option("--label", arguments->label);
  sub->callback([&options, &status, arguments] {
    status = finish(create(options, *arguments), options.json);
  });
  command->add_subcommand("list", "the keys, without their secrets")
      ->callback([&options, &status, arguments] {
        status = finish(list(options, *arguments), options.json);
      });
  auto* revoke_sub = command->add_subcommand("revoke", "make a key useless");
  revoke_sub->add_option("id", arguments->id, "the key's public part")->required();
  revoke_sub->callback([&options, &status, arguments] {
    status = finish(revoke(options, *arguments), options.json);
  });
}

}  // namespace kith::cli
