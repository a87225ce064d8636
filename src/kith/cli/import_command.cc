// kith import users|events|conversations|knowledge|feedback FILE...
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>

#include "kith/base/file.h"
#include "kith/cli/command.h"
#include "kith/cli/directory_client.h"
#include "kith/cli/progress_bar.h"
#include "kith/cli/record_pieces.h"
#include "kith/personalize/newcomers.h"
#include "kith/personalize/persona_learner.h"
#include "kith/profile/event_import.h"
#include "kith/profile/import.h"

namespace kith::cli {
namespace {

// Most bytes of one request to a server: half of what it takes.
constexpr std::size_t kMaxPieceBytes = std::size_t{16} << 20;

struct ImportArguments {
  std::string kind;
  std::vector<std::string> files;
  // Events only: member=column, and the kind of those that name none.
  std::vector<std::string> columns;
  std::string event_kind;
};

base::OrderedJson to_json(const profile::EventImportReport& done) {
  const storage::ImportReport& report = done.records;
  base::OrderedJson bad = base::OrderedJson::array();
  for (const auto& line : report.bad_lines) {
    bad.push_back({{"file", line.file}, {"line", line.line}, {"reason", line.reason}});
  }
  base::OrderedJson json{{"added", report.num_added},
                         {"updated", report.num_updated},
                         {"unchanged", report.num_unchanged},
                         {"failed", report.num_failed}};
  if (done.num_from_the_future > 0) json["from_the_future"] = done.num_from_the_future;
  json["bad_lines"] = bad;
  return json;
}

void print_report(const base::OrderedJson& report) {
  for (const auto& bad : report["bad_lines"]) {
    std::cerr << bad.value("file", "") << ":" << bad.value("line", 0) << ": "
              << bad.value("reason", "") << "\n";
  }
  std::cout << "added " << report["added"] << ", updated " << report["updated"] << ", unchanged "
            << report["unchanged"] << ", failed " << report["failed"] << std::endl;
  if (report.contains("from_the_future")) {
    std::cout << report["from_the_future"]
              << " events lay in the future: they count as happened now" << std::endl;
  }
}

Result<std::map<std::string, std::string>> read_columns(const ImportArguments& arguments) {
  std::map<std::string, std::string> columns;
  for (const std::string& text : arguments.columns) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos) {
      return Error{ErrorCode::kInvalidArgument, "--column takes member=column: " + text};
    }
    columns.insert_or_assign(text.substr(0, equals), text.substr(equals + 1));
  }
  return columns;
}

Result<profile::EventImportReport> import_events(runtime::Installation& installation,
                                                 const ImportArguments& arguments,
                                                 const std::string& file) {
  profile::EventImportOptions options;
  KITH_ASSIGN_OR_RETURN(options.columns, read_columns(arguments));
  if (!arguments.event_kind.empty()) options.kind = arguments.event_kind;
  if (const auto bar = progress_bar()) {
    options.records.on_progress = [bar](std::size_t done, std::size_t total) {
      bar(total == 0 ? 1.0 : static_cast<double>(done) / static_cast<double>(total));
    };
  }
  return profile::import_events(installation.stores().timelines(), installation.clock(), options,
                                file);
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

Result<base::OrderedJson> import_here(runtime::Installation& installation,
                                      const ImportArguments& arguments, const std::string& file) {
  if (arguments.kind == "events") {
    KITH_ASSIGN_OR_RETURN(const auto report, import_events(installation, arguments, file));
    return to_json(report);
  }
  KITH_ASSIGN_OR_RETURN(auto report, import_file(installation, arguments.kind, file));
  return to_json({std::move(report), 0});
}

Result<std::string> import_address(const ImportArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(auto members, read_columns(arguments));
  if (!arguments.event_kind.empty()) members["default_kind"] = arguments.event_kind;
  std::string url = "/v1/import/" + arguments.kind;
  char separator = '?';
  for (const auto& [name, value] : members) {
    url += separator + encode_segment(name) + "=" + encode_segment(value);
    separator = '&';
  }
  return url;
}

// Adds what the server says of a piece.
void add_piece(const base::OrderedJson& piece, std::int64_t line_offset, const std::string& file,
               base::OrderedJson& report) {
  for (const char* count : {"added", "updated", "unchanged", "failed", "from_the_future"}) {
    if (piece.contains(count)) {
      report[count] = report.value(count, std::int64_t{0}) + piece.value(count, std::int64_t{0});
    }
  }
  if (!report.contains("bad_lines")) report["bad_lines"] = base::OrderedJson::array();
  const auto bad_lines = piece.find("bad_lines");
  if (bad_lines == piece.end()) return;
  for (base::OrderedJson bad : *bad_lines) {
    // The server knows the bytes, not their file.
    bad["file"] = file;
    bad["line"] = bad.value("line", std::int64_t{0}) + line_offset;
    report["bad_lines"].push_back(std::move(bad));
  }
}

Result<base::OrderedJson> import_through(const runtime::ServerFile& server,
                                         const ImportArguments& arguments,
                                         const std::string& file) {
  KITH_ASSIGN_OR_RETURN(const base::MappedFile mapped, base::MappedFile::open(file));
  const std::string_view text(reinterpret_cast<const char*>(mapped.bytes().data()),
                              mapped.bytes().size());
  KITH_ASSIGN_OR_RETURN(const std::string url, import_address(arguments));
  const bool is_csv = std::filesystem::path(file).extension() == ".csv";
  // Rows of one conversation count on, so they must come together.
  const bool is_whole = is_csv && arguments.kind == "conversations";
  const auto bar = progress_bar();
  base::OrderedJson report = base::OrderedJson::object();
  std::size_t done = 0;
  const auto send = [&](const RecordPiece& piece) -> Status {
    const char* type = is_csv ? "Content-Type: text/csv" : "Content-Type: application/jsonl";
    KITH_ASSIGN_OR_RETURN(
        const std::string answer,
        call_server(server, {.method = "POST", .url = url, .headers = {type}, .body = piece.text}));
    KITH_ASSIGN_OR_RETURN(const base::OrderedJson told, base::parse_ordered_json(answer));
    add_piece(told, piece.line_offset, file, report);
    done += piece.text.size();
    if (bar) bar(std::min(1.0, static_cast<double>(done) / static_cast<double>(text.size())));
    return {};
  };
  KITH_RETURN_IF_ERROR(for_each_piece(text, is_csv, is_whole ? text.size() : kMaxPieceBytes, send));
  return report;
}

Status run_import(const GlobalOptions& options, const ImportArguments& arguments, int& status) {
  const bool has_event_options = !arguments.columns.empty() || !arguments.event_kind.empty();
  if (has_event_options && arguments.kind != "events") {
    return Error{ErrorCode::kInvalidArgument, "--column and --kind are for events"};
  }
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  KITH_ASSIGN_OR_RETURN(const DirectoryAccess access, open_directory(config));
  for (const std::string& file : arguments.files) {
    KITH_ASSIGN_OR_RETURN(const base::OrderedJson report,
                          access.installation ? import_here(*access.installation, arguments, file)
                                              : import_through(*access.server, arguments, file));
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
  command
      ->add_option("kind", arguments->kind, "users, events, conversations, knowledge or feedback")
      ->required()
      ->check(CLI::IsMember({"users", "events", "conversations", "knowledge", "feedback"}));
  command->add_option("files", arguments->files, "files to import")->required();
  command->add_option("--column", arguments->columns,
                      "events: a member's column, as in item=movieId or categories.genre=genres");
  command->add_option("--kind", arguments->event_kind,
                      "events: the kind of those that name none (default: event)");
  command->callback([&options, &status, arguments] {
    status = kExitOk;
    const int failed = finish(run_import(options, *arguments, status), options.json);
    status = std::max(status, failed);
  });
}

}  // namespace kith::cli
