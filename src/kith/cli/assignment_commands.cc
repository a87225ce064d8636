// kith persona calibrate, kith eval assignment
#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "kith/base/new_directory.h"
#include "kith/cli/command.h"
#include "kith/cli/print_report.h"
#include "kith/eval/assignment_suite.h"
#include "kith/persona/assignment_training.h"
#include "kith/persona/members.h"
#include "kith/personalize/user_traces.h"
#include "kith/runtime/installation.h"
#include "kith/runtime/resources.h"
#include "kith/runtime/seed.h"
#include "kith/storage/record_files.h"

namespace kith::cli {
namespace {

namespace fs = std::filesystem;

struct CalibrateArguments {
  std::string members;
  std::string output;
};

struct SuiteArguments {
  std::string example;
  bool is_markdown = false;
};

Result<std::vector<persona::UserTrace>> read_traces(runtime::Installation& installation,
                                                    const fs::path& members_file) {
  KITH_ASSIGN_OR_RETURN(const auto members, persona::load_members(members_file));
  return personalize::read_user_traces(installation.stores(), installation.knowledge(),
                                       runtime::default_tenant(), members);
}

Status calibrate(const GlobalOptions& options, const CalibrateArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  KITH_ASSIGN_OR_RETURN(const auto installation, runtime::Installation::open(config));
  const auto assigner = installation->assigner();
  if (!assigner) {
    return Error{ErrorCode::kNotFound, "no personas: put a personas.toml into " + config.data.dir};
  }
  KITH_ASSIGN_OR_RETURN(const auto traces, read_traces(*installation, arguments.members));
  KITH_ASSIGN_OR_RETURN(
      const persona::AssignmentModel model,
      persona::fit_assignment(assigner->catalogue(), assigner->data_hash(), traces));
  const fs::path file = arguments.output.empty() ? installation->path() / runtime::kAssignmentFile
                                                 : fs::path(arguments.output);
  KITH_RETURN_IF_ERROR(persona::save_assignment_model(model, file));
  if (options.json) {
    print_json({{"file", file.string()}, {"figures", model.figures}});
    return {};
  }
  for (const auto& [name, value] : model.figures) std::cout << name << " " << value << "\n";
  std::cout << "wrote " << file.string() << std::endl;
  return {};
}

Result<std::vector<std::string>> read_strange_texts(const fs::path& example) {
  std::vector<std::string> texts;
  KITH_RETURN_IF_ERROR(storage::read_records(example / "routing" / "out_of_scope.jsonl",
                                             [&](const base::Json& line) {
                                               if (line.value("split", "") == "test")
                                                 texts.push_back(line.value("text", ""));
                                             }));
  return texts;
}

// In a data directory of its own, which vanishes.
Result<eval::Report> evaluate(const fs::path& example) {
  std::error_code error;
  const fs::path place = fs::temp_directory_path(error);
  KITH_ASSIGN_OR_RETURN(
      const auto directory,
      base::NewDirectory::create(place / ("kith-assignment-" + std::to_string(::getpid()))));
  runtime::Config config;
  config.data.dir = (directory.path() / "data").string();
  KITH_ASSIGN_OR_RETURN(const auto installation, runtime::Installation::open(config));
  KITH_ASSIGN_OR_RETURN([[maybe_unused]] const auto seeded,
                        runtime::seed_service_desk(*installation, example));
  KITH_ASSIGN_OR_RETURN(const auto catalogue,
                        persona::PersonaCatalogue::load(example / "personas.toml"));
  KITH_ASSIGN_OR_RETURN(const auto traces, read_traces(*installation, example / "truth.jsonl"));
  KITH_ASSIGN_OR_RETURN(const auto strange_texts, read_strange_texts(example));
  return eval::evaluate_assignment(catalogue, traces, strange_texts);
}

Status run_suite(const GlobalOptions& options, const SuiteArguments& arguments) {
  const fs::path example =
      arguments.example.empty() ? runtime::service_desk_directory() : fs::path(arguments.example);
  KITH_ASSIGN_OR_RETURN(const eval::Report report, evaluate(example));
  if (arguments.is_markdown) {
    std::cout << eval::to_markdown(report) << std::flush;
  } else {
    print_report(report, options);
  }
  return {};
}

}  // namespace

void add_calibrate_command(CLI::App& persona, GlobalOptions& options, int& status) {
  const auto arguments = std::make_shared<CalibrateArguments>();
  auto* sub = persona.add_subcommand(
      "calibrate", "fit how assignment weighs its evidence, on users whose persona is known");
  sub->add_option("--members", arguments->members,
                  "users and their personas, JSONL or CSV {id, persona, split}; split \"test\" is "
                  "left out")
      ->required();
  sub->add_option("--output", arguments->output, "file (default: assignment.json of the data)");
  sub->callback([&options, &status, arguments] {
    status = finish(calibrate(options, *arguments), options.json);
  });
}

void add_assignment_suite(CLI::App& eval, GlobalOptions& options, int& status) {
  const auto arguments = std::make_shared<SuiteArguments>();
  auto* sub = eval.add_subcommand("assignment", "who users are, how surely, and who has changed");
  sub->add_option("--example", arguments->example, "directory of the service-desk example");
  sub->add_flag("--markdown", arguments->is_markdown, "print a Markdown table");
  sub->callback([&options, &status, arguments] {
    status = finish(run_suite(options, *arguments), options.json);
  });
}

}  // namespace kith::cli
