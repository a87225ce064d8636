// kith knowledge add|search
#include <iostream>

#include "kith/base/file.h"
#include "kith/cli/command.h"
#include "kith/cli/directory_client.h"

namespace kith::cli {
namespace {

struct KnowledgeArguments {
  std::string id;
  std::string title;
  std::string file;
  std::string query;
  std::vector<std::string> access;
  std::size_t count = 5;
};

Result<std::unique_ptr<runtime::Installation>> open_unserved(const GlobalOptions& options) {
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  return runtime::Installation::open(config);
}

Status add(const GlobalOptions& options, const KnowledgeArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(std::string text, base::read_file(arguments.file));
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  KITH_ASSIGN_OR_RETURN(const DirectoryAccess directory, open_directory(config));
  if (directory.server) {
    const base::Json record = {{"id", arguments.id},
                               {"title", arguments.title},
                               {"text", text},
                               {"access", arguments.access}};
    return call_server(*directory.server, {.method = "POST",
                                           .url = "/v1/import/knowledge",
                                           .headers = {"Content-Type: application/jsonl"},
                                           .body = base::dump_json(record)})
               ? Status()
               : Status(Error{ErrorCode::kUnavailable, "the server refused the document"});
  }
  KITH_ASSIGN_OR_RETURN(const auto outcome,
                        directory.installation->knowledge().add(runtime::default_tenant(),
                                                                {.id = DocumentId(arguments.id),
                                                                 .title = arguments.title,
                                                                 .text = std::move(text),
                                                                 .lang = {},
                                                                 .access = arguments.access}));
  std::cout << (outcome == storage::WriteOutcome::kUnchanged ? "unchanged" : "added") << std::endl;
  return {};
}

Status search(const GlobalOptions& options, const KnowledgeArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(const auto installation, open_unserved(options));
  KITH_ASSIGN_OR_RETURN(
      const auto passages,
      installation->knowledge().search(runtime::default_tenant(), {.query = arguments.query,
                                                                   .access = arguments.access,
                                                                   .lang = {},
                                                                   .k = arguments.count}));
  for (const auto& passage : passages) {
    if (options.json) {
      print_json({{"id", passage.id.str()},
                  {"title", passage.title},
                  {"start", passage.start},
                  {"end", passage.end},
                  {"score", passage.score},
                  {"text", passage.text}});
    } else {
      std::cout << passage.id.str() << "  " << passage.title << "  [" << passage.start << ", "
                << passage.end << ")  " << passage.score << "\n"
                << passage.text << "\n\n";
    }
  }
  return {};
}

}  // namespace

void add_knowledge_commands(CLI::App& app, GlobalOptions& options, int& status) {
  auto* command = app.add_subcommand("knowledge", "documents that answers are grounded in");
  command->require_subcommand(1);
  const auto arguments = std::make_shared<KnowledgeArguments>();
  auto* add_sub = command->add_subcommand("add", "add or replace a document");
  add_sub->add_option("id", arguments->id)->required();
  add_sub->add_option("file", arguments->file, "text or Markdown")->required();
  add_sub->add_option("--title", arguments->title)->required();
  add_sub->add_option("--access", arguments->access, "groups that may read it; none: everybody");
  add_sub->callback(
      [&options, &status, arguments] { status = finish(add(options, *arguments), options.json); });
  auto* search_sub = command->add_subcommand("search", "passages for a question");
  search_sub->add_option("query", arguments->query)->required();
  search_sub->add_option("--access", arguments->access, "groups of the reader");
  search_sub->add_option("-k,--count", arguments->count, "passages at most");
  search_sub->callback([&options, &status, arguments] {
    status = finish(search(options, *arguments), options.json);
  });
}

}  // namespace kith::cli
