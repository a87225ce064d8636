#include "kith/cli/command.h"

#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "kith/base/log.h"

namespace kith::cli {
namespace {

// A kith-train beside this program, else the one on the PATH.
std::string trainer_program() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  for (const char* beside :
       {"kith-train", "../kith_train/kith-train", "src/apps/kith_train/kith-train"}) {
    const auto path = self.parent_path() / beside;
    if (std::filesystem::exists(path, error)) return path.string();
  }
  return "kith-train";
}

// `kith train ...` becomes `kith-train train ...`: gradients live in a program of their own.
[[noreturn]] void become_trainer(int argc, char** argv) {
  std::string program = trainer_program();
  std::vector<char*> arguments(argv, argv + argc);
  arguments[0] = program.data();
  arguments.push_back(nullptr);
  ::execvp(program.c_str(), arguments.data());
  std::cerr << "kith: cannot start kith-train; build it with -DKITH_WITH_TRAIN=ON\n";
  std::exit(kExitFailure);
}

// Whether `kith train ...` names what this program trains.
bool trains_itself(int argc, char** argv) {
  if (argc < 3) return false;
  const std::string_view what(argv[2]);
  return what == "router" || what == "encoder" || what == "routing" || what == "timeline";
}

void configure_log(const GlobalOptions& options) {
  const auto config = load_config(options);
  if (!config) return;
  const std::map<std::string, base::LogLevel> levels{{"debug", base::LogLevel::kDebug},
                                                     {"info", base::LogLevel::kInfo},
                                                     {"warn", base::LogLevel::kWarn},
                                                     {"error", base::LogLevel::kError}};
  base::configure_log(levels.at(config->log.level), config->log.format == "json"
                                                        ? base::LogFormat::kJson
                                                        : base::LogFormat::kPretty);
}

}  // namespace

void add_global_options(CLI::App& app, GlobalOptions& options) {
  app.add_option("--config", options.config_file, "settings file (default: kith.toml, if there)");
  app.add_flag("--json", options.json, "print JSON");
  const auto add_setting = [&](const char* name, const char* key, const char* help) {
    app.add_option_function<std::string>(
        name, [&options, key](const std::string& value) { options.overrides[key] = value; }, help);
  };
  add_setting("--data", "data.dir", "data directory (default: data)");
  add_setting("--model", "model.dir", "Hugging Face directory of the model (default: built in)");
  add_setting("--adapters", "model.adapters", "directory of PEFT adapters");
  add_setting("--dtype", "model.dtype", "f32, bf16 or int8");
  add_setting("--threads", "model.threads", "compute threads (default: all cores)");
  add_setting("--chat-format", "model.chat_format", "chat format of the model, if not recognised");
  add_setting("--embedding-model", "embedding.model",
              "sentence-transformers directory for embeddings");
  add_setting("--upstream", "upstream.url", "answer with this OpenAI-compatible server instead");
  add_setting("--upstream-model", "upstream.model", "model to ask the upstream for");
  add_setting("--personas", "personas.file", "personas.toml to use");
  add_setting("--host", "server.host", "address to listen on (default: 127.0.0.1)");
  add_setting("--port", "server.port", "port to listen on (default: 7717)");
  add_setting("--log-level", "log.level", "debug, info, warn or error");
}

Result<runtime::ConfigLoader> load_settings(const GlobalOptions& options) {
  std::optional<std::filesystem::path> file;
  std::error_code error;
  if (!options.config_file.empty()) {
    file = options.config_file;
  } else if (std::filesystem::exists("kith.toml", error)) {
    file = "kith.toml";
  }
  return runtime::load_config(file, options.overrides);
}

Result<runtime::Config> load_config(const GlobalOptions& options) {
  KITH_ASSIGN_OR_RETURN(const auto loader, load_settings(options));
  return loader.finish();
}

void print_rows(const base::OrderedJson& rows) {
  for (const auto& row : rows) {
    bool first = true;
    for (const auto& [key, value] : row.items()) {
      std::cout << (first ? "" : "  ") << key << " " << value;
      first = false;
    }
    std::cout << "\n";
  }
}

void print_json(const base::OrderedJson& value) {
  std::cout << base::dump_json(value) << std::endl;
}

int report(const Error& error, bool json) {
  if (json) {
    std::cerr << base::dump_json(base::OrderedJson{{"error", {{"message", error.message}}}})
              << std::endl;
  } else {
    std::cerr << "kith: " << error.message << std::endl;
  }
  return kExitFailure;
}

int finish(const Status& status, bool json) {
  return status ? kExitOk : report(status.error(), json);
}

int run(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "train" && !trains_itself(argc, argv)) {
    become_trainer(argc, argv);
  }
  CLI::App app{"Kith makes a language model know the person it talks to."};
  app.set_version_flag("--version", "kith 0.1.0");
  app.require_subcommand(1);
  // Options of the program may stand after the subcommand too.
  app.fallthrough();
  GlobalOptions options;
  int status = kExitOk;
  add_global_options(app, options);
  add_serve_commands(app, options, status);
  add_chat_command(app, options, status);
  add_import_command(app, options, status);
  add_user_commands(app, options, status);
  add_persona_commands(app, options, status);
  add_route_command(app, options, status);
  add_knowledge_commands(app, options, status);
  add_key_commands(app, options, status);
  add_model_commands(app, options, status);
  add_bench_commands(app, options, status);
  add_eval_commands(app, options, status);
  add_embed_commands(app, options, status);
  add_config_commands(app, options, status);
  add_doctor_command(app, options, status);
  add_train_commands(app, options, status);
  app.parse_complete_callback([&options] { configure_log(options); });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? kExitOk : kExitUsage;
  }
  return status;
}

}  // namespace kith::cli
