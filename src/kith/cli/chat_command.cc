// kith chat [--user ID] [--message TEXT]
#include <unistd.h>

#include <iostream>

#include "kith/cli/command.h"
#include "kith/cli/directory_client.h"
#include "kith/runtime/application.h"
#include "kith/upstream/sse_parser.h"

namespace kith::cli {
namespace {

struct ChatArguments {
  std::string user;
  std::string message;
};

// Says one turn and returns the answer.
using Say = std::function<Result<std::string>(const std::vector<personalize::Message>& messages)>;

// Prints an answer while it comes.
class PrintingSink final : public personalize::AnswerSink {
 public:
  void on_start(const personalize::ChatAnswer& head) override {
    if (!head.persona.empty() && ::isatty(STDERR_FILENO) != 0) {
      std::cerr << "[" << head.persona.str() << "] ";
    }
  }
  void on_delta(const personalize::AnswerDelta& delta) override {
    std::cout << delta.text << std::flush;
  }
};

Say say_in_process(runtime::Application& application, const std::string& user, bool json) {
  return [&application, user, json](const auto& messages) -> Result<std::string> {
    personalize::ChatRequest request;
    request.scope = {TenantId(storage::kDefaultTenant), UserId(user)};
    request.messages = messages;
    PrintingSink sink;
    KITH_ASSIGN_OR_RETURN(const auto answer,
                          application.pipeline().answer(request, json ? nullptr : &sink));
    if (json) {
      print_json({{"text", answer.choices.front().text},
                  {"decision", answer.decision.str()},
                  {"persona", answer.persona.str()},
                  {"adapter", answer.adapter.str()},
                  {"source", answer.choices.front().source}});
    } else {
      std::cout << std::endl;
    }
    return answer.choices.front().text;
  };
}

Say say_to_server(const runtime::ServerFile& server, const std::string& user, bool json) {
  return [server, user, json](const auto& messages) -> Result<std::string> {
    base::OrderedJson body = {{"model", "kith"}, {"messages", base::OrderedJson::array()}};
    for (const auto& message : messages) {
      body["messages"].push_back({{"role", message.role}, {"content", message.content}});
    }
    std::vector<std::string> headers{"Content-Type: application/json"};
    if (!user.empty()) headers.push_back("X-Kith-User: " + user);
    KITH_ASSIGN_OR_RETURN(const std::string answer,
                          call_server(server, {.method = "POST",
                                               .url = "/v1/chat/completions",
                                               .headers = headers,
                                               .body = base::dump_json(body)}));
    KITH_ASSIGN_OR_RETURN(const base::Json parsed, base::parse_json(answer));
    const std::string text = parsed.value("/choices/0/message/content"_json_pointer, std::string());
    std::cout << (json ? answer : text) << std::endl;
    return text;
  };
}

Status talk(const Say& say, const ChatArguments& arguments) {
  std::vector<personalize::Message> messages;
  const auto turn = [&](const std::string& text) -> Status {
    messages.push_back({"user", text, {}});
    KITH_ASSIGN_OR_RETURN(std::string answer, say(messages));
    messages.push_back({"assistant", std::move(answer), {}});
    return {};
  };
  if (!arguments.message.empty()) return turn(arguments.message);
  const bool asks = ::isatty(STDIN_FILENO) != 0;
  for (std::string line;;) {
    if (asks) std::cout << "> " << std::flush;
    if (!std::getline(std::cin, line)) return {};
    if (!line.empty()) KITH_RETURN_IF_ERROR(turn(line));
  }
}

Status chat(const GlobalOptions& options, const ChatArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  KITH_ASSIGN_OR_RETURN(DirectoryAccess access, open_directory(config));
  if (access.server) {
    return talk(say_to_server(*access.server, arguments.user, options.json), arguments);
  }
  KITH_ASSIGN_OR_RETURN(const auto application,
                        runtime::Application::create(config, std::move(access.installation)));
  return talk(say_in_process(*application, arguments.user, options.json), arguments);
}

}  // namespace

void add_chat_command(CLI::App& app, GlobalOptions& options, int& status) {
  auto* command = app.add_subcommand("chat", "talk on the terminal");
  const auto arguments = std::make_shared<ChatArguments>();
  command->add_option("--user", arguments->user, "who is talking; none: anonymous");
  command->add_option("--message", arguments->message, "say this and end");
  command->callback(
      [&options, &status, arguments] { status = finish(chat(options, *arguments), options.json); });
}

}  // namespace kith::cli
