// kith import users|conversations|knowledge|feedback FILE...
#include <algorithm>
#include <filesystem>
#include <iostream>

#include "kith/base/file.h"
#include "kith/cli/command.h"
#include "kith/cli/directory_client.h"
#include "kith/personalize/newcomers.h"
#include "kith/personalize/persona_learner.h"
#include "kith/profile/import.h"

namespace kith::cli {
namespace {

struct ImportArguments {
  std::string kind;
  std::vector<std::string> files;
};

base::OrderedJson to_json(const storage::ImportReport& report) {
  base::OrderedJson bad = base::OrderedJson::array();
  for (const auto& line : report.bad_lines) {
    bad.push_back({{"file", line.file}, {"line", line.line}, {"reason", line.reason}});
  }
  return {{"added", report.num_added},
          {"updated", report.num_updated},
          {"unchanged", report.num_unchanged},
          {"failed", report.num_failed},
          {"bad_lines", bad}};
}

void print_report(const base::OrderedJson& report) {
  for (const auto& bad : report["bad_lines"]) {
    std::cerr << bad.value("file", "") << ":" << bad.value("line", 0) << ": "
              << bad.value("reason", "") << "\n";
  }
  std::cout << "added " << report["added"] << ", updated " << report["updated"] << ", unchanged "
            << report["unchanged"] << ", failed " << report["failed"] << std::endl;
}

Result<storage::ImportReport> import_file(runtime::Installation& installation,
                                          const std::string& kind, const std::string& file) {
  profile::Importer importer(installation.stores(), installation.clock());
  if (kind == "users") {
    const base::UnixMicros begun = installation.clock().now();
    KITH_ASSIGN_OR_RETURN(auto report, importer.import_users(file));
    personalize::PersonaLearner learner(installation.stores(), installation.assigner(),
                                        installation.clock());
    if (report.num_updated > 0) {
      KITH_RETURN_IF_ERROR(learner.look_again(runtime::default_tenant(), begun));
    }
    if (const auto assigner = installation.assigner()) {
      KITH_RETURN_IF_ERROR(personalize::note_newcomers(
          {installation.stores(), *assigner, installation.clock()}, runtime::default_tenant()));
    }
    return report;
  }
  if (kind == "conversations") return importer.import_conversations(file);
  if (kind == "feedback") return importer.import_feedback(file);
  return installation.knowledge().import(runtime::default_tenant(), file);
}

Result<base::OrderedJson> import_through(const runtime::ServerFile& server, const std::string& kind,
                                         const std::string& file) {
  KITH_ASSIGN_OR_RETURN(std::string body, base::read_file(file));
  const bool is_csv = std::filesystem::path(file).extension() == ".csv";
  KITH_ASSIGN_OR_RETURN(
      const std::string answer,
      call_server(server, {.method = "POST",
                           .url = "/v1/import/" + kind,
                           .headers = {is_csv ? "Content-Type: text/csv"
                                              : "Content-Type: application/jsonl"},
                           .body = std::move(body)}));
  KITH_ASSIGN_OR_RETURN(base::OrderedJson report, base::parse_ordered_json(answer));
  // The server knows the bytes, not their file.
  if (report.contains("bad_lines")) {
    for (auto& bad : report["bad_lines"]) bad["file"] = file;
  }
  return report;
}

Status run_import(const GlobalOptions& options, const ImportArguments& arguments, int& status) {
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  KITH_ASSIGN_OR_RETURN(const DirectoryAccess access, open_directory(config));
  for (const std::string& file : arguments.files) {
    base::OrderedJson report;
    if (access.installation) {
      KITH_ASSIGN_OR_RETURN(const auto done,
                            import_file(*access.installation, arguments.kind, file));
      report = to_json(done);
    } else {
      KITH_ASSIGN_OR_RETURN(report, import_through(*access.server, arguments.kind, file));
    }
    options.json ? print_json(report) : print_report(report);
    if (report.value("failed", 0) > 0) status = kExitFailure;
  }
  return {};
}

}  // namespace

void add_import_command(CLI::App& app, GlobalOptions& options, int& status) {
  auto* command =
      app.add_subcommand("import", "import JSON Lines or CSV; repeating changes nothing");
  const auto arguments = std::make_shared<ImportArguments>();
  command->add_option("kind", arguments->kind, "users, conversations, knowledge or feedback")
      ->required()
      ->check(CLI::IsMember({"users", "conversations", "knowledge", "feedback"}));
  command->add_option("files", arguments->files, "files to import")->required();
  command->callback([&options, &status, arguments] {
    status = kExitOk;
    const int failed = finish(run_import(options, *arguments, status), options.json);
    status = std::max(status, failed);
  });
}

}  // namespace kith::cli
