#include "kith/cli/persona_version_commands.h"

#include <unistd.h>

#include <iomanip>
#include <iostream>

#include "kith/base/new_directory.h"
#include "kith/cli/version_access.h"
#include "kith/model/merge.h"
#include "kith/persona/shadow_trial.h"
#include "kith/runtime/model_settings.h"
#include "kith/storage/directory_digest.h"

namespace kith::cli {
namespace {

namespace fs = std::filesystem;
using base::OrderedJson;

struct VersionArguments {
  std::string persona;
  int version = 0;
  std::string reason;
  bool yes = false;
  std::string as = "canary";
  double share = 0.1;
  std::string out;
  bool merged = false;
  std::string source;
  std::vector<std::string> parents;
  int num_examples = 3;
};

Result<VersionAccess> open_versions(const GlobalOptions& options) {
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  return VersionAccess::open(config);
}

void print_versions(const OrderedJson& document) {
  for (const OrderedJson& row : document["versions"]) {
    const auto gate = row.value("gate", OrderedJson());
    const std::string verdict = !gate.is_object()             ? "not evaluated"
                                : gate.value("passed", false) ? "passed"
                                                              : "refused";
    std::cout << std::left << std::setw(24)
              << row.value("adapter", "") + "@" + std::to_string(row.value("version", 0))
              << std::setw(12) << row.value("status", "") << std::setw(15) << verdict
              << row.value("created_at", "").substr(0, 19) << "  " << row.value("reason", "");
    for (const auto& flag : row.value("flags", OrderedJson::array())) {
      std::cout << "  [" << flag.get<std::string>() << "]";
    }
    std::cout << "\n";
  }
  if (document["versions"].empty()) std::cout << "no versions yet\n";
}

Status versions(const GlobalOptions& options, const VersionArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(VersionAccess access, open_versions(options));
  KITH_ASSIGN_OR_RETURN(const OrderedJson document, access.list(arguments.persona));
  if (options.json) {
    print_json(document);
  } else {
    print_versions(document);
  }
  return {};
}

Status tell(const GlobalOptions& options, const Result<OrderedJson>& row) {
  if (!row) return Error(row.error());
  if (options.json) {
    print_json(*row);
  } else {
    std::cout << row->value("adapter", "") << "@" << row->value("version", 0) << " is "
              << row->value("status", "") << std::endl;
  }
  return {};
}

// Asks at a terminal; elsewhere only --yes counts.
Status confirm(const VersionArguments& arguments, const std::string& question) {
  if (arguments.yes) return {};
  if (::isatty(STDIN_FILENO) == 0) {
    return Error{ErrorCode::kInvalidArgument, question + " say --yes"};
  }
  std::cerr << question << " [y/N] " << std::flush;
  std::string line;
  std::getline(std::cin, line);
  if (line == "y" || line == "Y" || line == "yes") return {};
  return Error{ErrorCode::kCancelled, "nothing was changed"};
}

Status promote(const GlobalOptions& options, const VersionArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(VersionAccess access, open_versions(options));
  KITH_ASSIGN_OR_RETURN(const OrderedJson document, access.list(arguments.persona));
  KITH_ASSIGN_OR_RETURN(const VersionInfo info, access.find(document, arguments.version));
  const int serving = document.value("serving", 0);
  const std::string instead =
      serving == 0 ? "" : " instead of " + info.adapter + "@" + std::to_string(serving);
  KITH_RETURN_IF_ERROR(confirm(arguments, "let " + info.name() + " serve" + instead + "?"));
  return tell(options, access.promote(arguments.persona, info.version, arguments.reason));
}

Status rollback(const GlobalOptions& options, const VersionArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(VersionAccess access, open_versions(options));
  return tell(options, access.rollback(arguments.persona, arguments.reason));
}

Status withdraw(const GlobalOptions& options, const VersionArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(VersionAccess access, open_versions(options));
  return tell(options, access.withdraw(arguments.persona, arguments.version, arguments.reason));
}

Status try_on(const GlobalOptions& options, const VersionArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(VersionAccess access, open_versions(options));
  return tell(options, access.try_on(arguments.persona, arguments.version, arguments.as,
                                     arguments.share, arguments.reason));
}

Status shadow(const GlobalOptions& options, const VersionArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(VersionAccess access, open_versions(options));
  KITH_ASSIGN_OR_RETURN(
      const OrderedJson judgement,
      access.shadow(arguments.persona, arguments.version, arguments.num_examples));
  if (options.json) {
    print_json(judgement);
  } else {
    std::cout << persona::shadow_markdown(judgement) << std::flush;
  }
  return {};
}

Status add(const GlobalOptions& options, const VersionArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(VersionAccess access, open_versions(options));
  return tell(options,
              access.add(arguments.persona, arguments.source, arguments.parents, arguments.reason));
}

Status export_merged(const runtime::Config& config, const VersionInfo& info,
                     const std::string& out) {
  return model::merge_adapter(runtime::model_directory(config), info.path, out);
}

Status export_adapter(const VersionInfo& info, const std::string& out) {
  KITH_ASSIGN_OR_RETURN(auto directory, base::NewDirectory::create(out));
  for (const auto& entry : fs::directory_iterator(info.path)) {
    std::error_code error;
    fs::copy_file(entry.path(), directory.path() / entry.path().filename(), error);
    if (!error) {
      fs::permissions(directory.path() / entry.path().filename(), fs::perms::owner_write,
                      fs::perm_options::add, error);
    }
    if (error) {
      return Error{ErrorCode::kUnavailable, entry.path().string() + ": " + error.message()};
    }
  }
  return directory.commit();
}

Status export_version(const GlobalOptions& options, const VersionArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  KITH_ASSIGN_OR_RETURN(VersionAccess access, VersionAccess::open(config));
  KITH_ASSIGN_OR_RETURN(const OrderedJson document, access.list(arguments.persona));
  const int wanted = arguments.version != 0 ? arguments.version : document.value("serving", 0);
  KITH_ASSIGN_OR_RETURN(const VersionInfo info, access.find(document, wanted));
  const auto hash = storage::digest_directory(info.path);
  if (!hash || *hash != info.content_hash) {
    return Error{ErrorCode::kConflict,
                 "the files of " + info.name() + " are not those that were registered"};
  }
  KITH_RETURN_IF_ERROR(arguments.merged ? export_merged(config, info, arguments.out)
                                        : export_adapter(info, arguments.out));
  const OrderedJson told{
      {"version", info.name()}, {"directory", arguments.out}, {"merged", arguments.merged}};
  if (options.json) {
    print_json(told);
  } else {
    std::cout << info.name() << (arguments.merged ? ", merged into the model, in " : " in ")
              << arguments.out << std::endl;
  }
  return {};
}

}  // namespace

void add_persona_version_commands(CLI::App& command, GlobalOptions& options, int& status) {
  const auto arguments = std::make_shared<VersionArguments>();
  const auto add_command = [&](const char* name, const char* help,
                               Status (*call)(const GlobalOptions&, const VersionArguments&)) {
    auto* sub = command.add_subcommand(name, help);
    sub->add_option("persona", arguments->persona, "a persona's id, or an adapter's name")
        ->required();
    sub->callback([&options, &status, arguments, call] {
      status = finish(call(options, *arguments), options.json);
    });
    return sub;
  };
  const auto with_version = [&](CLI::App* sub) {
    sub->add_option("version", arguments->version, "its number")
        ->required()
        ->check(CLI::PositiveNumber);
    return sub;
  };
  const auto with_reason = [&](CLI::App* sub) {
    sub->add_option("--reason", arguments->reason, "why, for the history");
    return sub;
  };
  add_command("versions", "the versions of a persona's adapter, newest first", versions);
  with_reason(
      with_version(add_command("promote", "let a version serve whose gate has passed", promote)))
      ->add_flag("--yes", arguments->yes, "do not ask");
  with_reason(add_command("rollback", "back to the version that served before", rollback));
  with_reason(with_version(add_command("withdraw", "take a version out", withdraw)));
  auto* trial = with_reason(with_version(
      add_command("try", "let a version answer a share of the users, or unseen", try_on)));
  trial->add_option("--as", arguments->as)->check(CLI::IsMember({"canary", "shadow"}));
  trial->add_option("--share", arguments->share, "of the users")->check(CLI::Range(1e-6, 1.0));
  auto* judged = with_version(
      add_command("shadow", "what a version in shadow would have answered, measured", shadow));
  judged->add_option("--examples", arguments->num_examples, "pairs of answers shown (default: 3)")
      ->check(CLI::Range(0, 20));
  auto* exported = add_command("export", "write a version for other programs", export_version);
  exported->add_option("--version", arguments->version, "default: the one that serves");
  exported->add_option("--out", arguments->out, "a new directory")->required();
  exported->add_flag("--merged", arguments->merged,
                     "with the model's weights, as a checkpoint of its own");
  auto* registered = with_reason(add_command("register", "bring a PEFT directory in", add));
  registered->add_option("directory", arguments->source)->required();
  registered->add_option("--parent", arguments->parents, "a version that it was trained from");
}

// The same of the user encoder, which is registered under a name of its own.
void add_encoder_version_commands(CLI::App& embed, GlobalOptions& options, int& status) {
  const auto arguments = std::make_shared<VersionArguments>();
  arguments->persona = storage::kUserEncoder;
  const auto add_command = [&](const char* name, const char* help,
                               Status (*call)(const GlobalOptions&, const VersionArguments&)) {
    auto* sub = embed.add_subcommand(name, help);
    sub->callback([&options, &status, arguments, call] {
      status = finish(call(options, *arguments), options.json);
    });
    return sub;
  };
  const auto with_reason = [&](CLI::App* sub) {
    sub->add_option("--reason", arguments->reason, "why, for the history");
    return sub;
  };
  const auto with_version = [&](CLI::App* sub) {
    sub->add_option("version", arguments->version, "its number")
        ->required()
        ->check(CLI::PositiveNumber);
    return with_reason(sub);
  };
  add_command("versions", "the versions of the user encoder, newest first", versions);
  with_version(add_command("promote", "let a version serve whose gate has passed", promote))
      ->add_flag("--yes", arguments->yes, "do not ask");
  with_reason(add_command("rollback", "back to the version that served before", rollback));
  with_version(add_command("withdraw", "take a version out", withdraw));
  auto* registered =
      with_reason(add_command("register", "bring an encoder in that was trained elsewhere", add));
  registered->add_option("directory", arguments->source, "OUTPUT/encoder of kith-train")
      ->required();
}

}  // namespace kith::cli
