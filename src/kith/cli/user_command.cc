// kith user show|export|erase
#include <iostream>

#include "kith/base/file.h"
#include "kith/cli/command.h"
#include "kith/cli/directory_client.h"
#include "kith/profile/erase.h"
#include "kith/profile/export.h"
#include "kith/tuning/job.h"

namespace kith::cli {
namespace {

struct UserArguments {
  std::string id;
  std::string out;
  bool yes = false;
};

storage::Scope scope_of(const std::string& id) {
  return {TenantId(storage::kDefaultTenant), UserId(id)};
}

Status show(const GlobalOptions& options, const UserArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  KITH_ASSIGN_OR_RETURN(const DirectoryAccess access, open_directory(config));
  if (access.server) {
    KITH_ASSIGN_OR_RETURN(
        const std::string body,
        call_server(*access.server, {.url = "/v1/users/" + encode_segment(arguments.id)}));
    std::cout << body << std::endl;
    return {};
  }
  KITH_ASSIGN_OR_RETURN(const auto user,
                        access.installation->stores().users().find(scope_of(arguments.id)));
  if (!user) return Error{ErrorCode::kNotFound, "no such user: " + arguments.id};
  KITH_ASSIGN_OR_RETURN(const auto consents,
                        access.installation->stores().consents().list(scope_of(arguments.id)));
  base::OrderedJson json = {{"id", user->id.str()}, {"attributes", user->attributes}};
  json["consent"] = base::OrderedJson::object();
  for (const auto& row : consents) json["consent"][row.purpose] = row.granted;
  print_json(json);
  return {};
}

Status export_user(const GlobalOptions& options, const UserArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  KITH_ASSIGN_OR_RETURN(const DirectoryAccess access, open_directory(config));
  std::string document;
  if (access.server) {
    const std::string url = "/v1/users/" + encode_segment(arguments.id) + "/export";
    KITH_ASSIGN_OR_RETURN(document, call_server(*access.server, {.url = url}));
  } else {
    KITH_ASSIGN_OR_RETURN(
        document, profile::export_user(access.installation->stores(), scope_of(arguments.id),
                                       access.installation->clock()));
  }
  if (!arguments.out.empty()) {
    return base::write_file_atomically(arguments.out, document + "\n", 0600);
  }
  std::cout << document << std::endl;
  return {};
}

Status erase(const GlobalOptions& options, const UserArguments& arguments) {
  if (!arguments.yes) {
    return Error{ErrorCode::kInvalidArgument,
                 "erasing cannot be undone; say --yes to erase " + arguments.id};
  }
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  KITH_ASSIGN_OR_RETURN(const DirectoryAccess access, open_directory(config));
  if (access.server) {
    const std::string url = "/v1/users/" + encode_segment(arguments.id);
    KITH_ASSIGN_OR_RETURN(const std::string receipt,
                          call_server(*access.server, {.method = "DELETE", .url = url}));
    std::cout << receipt << std::endl;
    return {};
  }
  // First what is not in the stores: who is erased there is looked for nowhere any more.
  KITH_RETURN_IF_ERROR(tuning::forget_user(access.installation->path(), scope_of(arguments.id)));
  KITH_ASSIGN_OR_RETURN(const auto receipt,
                        profile::erase_user(access.installation->stores(), scope_of(arguments.id),
                                            access.installation->clock()));
  std::cout << profile::to_json(receipt) << std::endl;
  return {};
}

}  // namespace

void add_user_commands(CLI::App& app, GlobalOptions& options, int& status) {
  auto* command = app.add_subcommand("user", "see, export and erase what is kept about a user");
  command->require_subcommand(1);
  const auto arguments = std::make_shared<UserArguments>();
  const auto add = [&](const char* name, const char* help,
                       Status (*call)(const GlobalOptions&, const UserArguments&)) {
    auto* sub = command->add_subcommand(name, help);
    sub->add_option("id", arguments->id, "the user's id")->required();
    sub->callback([&options, &status, arguments, call] {
      status = finish(call(options, *arguments), options.json);
    });
    return sub;
  };
  add("show", "attributes and consent", show);
  add("export", "everything, as one JSON document", export_user)
      ->add_option("--out", arguments->out, "file to write instead of standard output");
  add("erase", "remove everything, with a receipt", erase)
      ->add_flag("--yes", arguments->yes, "really erase");
}

}  // namespace kith::cli
