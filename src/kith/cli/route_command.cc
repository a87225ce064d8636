// kith route TEXT [--user ID], kith train routing
#include <iomanip>
#include <iostream>

#include "kith/cli/command.h"
#include "kith/cli/directory_client.h"
#include "kith/cli/progress_bar.h"
#include "kith/eval/desk_routing.h"
#include "kith/persona/router_file.h"
#include "kith/persona/router_training.h"
#include "kith/runtime/installation.h"
#include "kith/runtime/resources.h"
#include "kith/runtime/router.h"

namespace kith::cli {
namespace {

using Posterior = std::vector<storage::PersonaWeight>;

struct RouteArguments {
  std::string text;
  std::string user;
};

struct TrainArguments {
  std::string example;
  std::string out;
  std::uint64_t seed = 1;
};

Result<Posterior> read_posterior(runtime::Installation& home, const std::string& user) {
  const storage::Scope scope{TenantId(storage::kDefaultTenant), UserId(user)};
  KITH_ASSIGN_OR_RETURN(const auto row, home.stores().users().find(scope));
  if (!row) return Error{ErrorCode::kNotFound, "no such user: " + user};
  const auto assigner = home.assigner();
  if (!assigner) return Posterior();
  persona::AssignmentState state;
  KITH_ASSIGN_OR_RETURN(const auto persona_row, home.stores().personas().find(scope));
  if (persona_row) state = assigner->from_row(*persona_row);
  const persona::UserFacts facts{.attributes = row->attributes,
                                 .recorded_at = row->recorded_at,
                                 .context = {},
                                 .now = home.clock().now()};
  return persona::given_a_persona(assigner->assign(facts, state).weights);
}

// The profile that the server tells.
Result<Posterior> ask_posterior(const runtime::ServerFile& server, const std::string& user) {
  KITH_ASSIGN_OR_RETURN(
      const std::string body,
      call_server(server, {.method = "GET",
                           .url = "/v1/users/" + encode_segment(user) + "/profile",
                           .headers = {},
                           .body = {}}));
  KITH_ASSIGN_OR_RETURN(const base::Json profile, base::parse_json(body));
  Posterior posterior;
  const auto weights = profile.value("persona", base::Json::object());
  for (const auto& [persona, weight] : weights.items()) {
    if (weight.is_number()) posterior.push_back({PersonaId(persona), weight.get<double>()});
  }
  return persona::given_a_persona(std::move(posterior));
}

Result<Posterior> find_posterior(const runtime::Config& config, const std::string& user) {
  if (user.empty()) return Posterior();
  KITH_ASSIGN_OR_RETURN(const DirectoryAccess access, open_directory(config));
  return access.server ? ask_posterior(*access.server, user)
                       : read_posterior(*access.installation, user);
}

base::OrderedJson to_json(const Posterior& weights) {
  base::OrderedJson json = base::OrderedJson::object();
  for (const auto& weight : weights) json[weight.persona.str()] = weight.probability;
  return json;
}

base::OrderedJson to_json(const persona::RoutePart& part, const std::string& text) {
  base::OrderedJson json = {{"start", part.span.begin},
                            {"end", part.span.end},
                            {"text", text.substr(part.span.begin, part.span.size())},
                            {"personas", base::OrderedJson::object()},
                            {"scores", to_json(part.scores)},
                            {"margin", part.margin},
                            {"out_of_scope", part.out_of_scope}};
  for (const auto& share : part.shares) json["personas"][share.persona.str()] = share.weight;
  for (const auto& topic : part.topics) json["topics"][topic.topic] = topic.probability;
  return json;
}

// Every piece between borders by itself, whether it counts as a part or not.
Result<base::OrderedJson> score_segments(const persona::Router& router, const std::string& text) {
  base::OrderedJson list = base::OrderedJson::array();
  for (const text::Span span : persona::segments_between(text, persona::find_borders(text))) {
    const std::string piece = text.substr(span.begin, span.size());
    KITH_ASSIGN_OR_RETURN(const auto score, router.scorer().score(piece));
    Posterior weights;
    for (std::size_t i = 0; i < score.probabilities.size(); ++i) {
      weights.push_back({PersonaId(router.scorer().labels()[i]), score.probabilities[i]});
    }
    list.push_back({{"start", span.begin},
                    {"end", span.end},
                    {"text", piece},
                    {"scores", to_json(weights)},
                    {"out_of_scope", score.out_of_scope}});
  }
  return list;
}

void print_scores(const base::OrderedJson& scores) {
  std::cout << std::fixed << std::setprecision(3);
  for (const auto& [name, score] : scores.items()) {
    std::cout << "    " << std::left << std::setw(20) << name << score.get<double>() << "\n";
  }
}

void print_route(const base::OrderedJson& json) {
  std::cout << "decision   " << json["decision"].get<std::string>() << ": "
            << json["reason"].get<std::string>() << "\n"
            << std::fixed << std::setprecision(3) << "margin     " << json["margin"].get<double>()
            << "\nthreshold  " << json["threshold"].get<double>() << "\nscope      "
            << json["out_of_scope"].get<double>() << " (at most "
            << json["out_of_scope_threshold"].get<double>() << ")\ntwo parts  "
            << json["split"].get<double>() << " (at least " << json["split_threshold"].get<double>()
            << ")\n";
  for (const char* kind : {"segments", "parts"}) {
    std::cout << kind << "\n";
    for (const auto& part : json[kind]) {
      std::cout << "  " << part["text"].get<std::string>() << "\n";
      if (part.contains("personas")) {
        std::cout << "    -> "
                  << (part["personas"].empty() ? "base model" : part["personas"].dump()) << "\n";
      }
      print_scores(part["scores"]);
      if (part.contains("topics")) {
        std::cout << "    about\n";
        print_scores(part["topics"]);
      }
    }
  }
}

Status route(const GlobalOptions& options, const RouteArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  KITH_ASSIGN_OR_RETURN(const auto router, runtime::load_router(config, config.data.dir));
  if (!router) {
    return Error{ErrorCode::kNotFound,
                 "no router: put one into " + config.data.dir +
                     "/router or name one with router.dir (kith train routing makes one)"};
  }
  KITH_ASSIGN_OR_RETURN(const Posterior posterior, find_posterior(config, arguments.user));
  KITH_ASSIGN_OR_RETURN(const auto scores, router->score(arguments.text));
  const persona::Route route = router->route(scores, posterior);
  base::OrderedJson json = {{"decision", std::string(to_string(route.kind))},
                            {"reason", route.reason},
                            {"scores", to_json(route.scores)},
                            {"margin", route.margin},
                            {"threshold", route.threshold},
                            {"out_of_scope", route.out_of_scope},
                            {"out_of_scope_threshold", route.out_of_scope_threshold},
                            {"split", route.split},
                            {"split_threshold", route.split_threshold}};
  if (!posterior.empty()) json["profile"] = to_json(posterior);
  KITH_ASSIGN_OR_RETURN(json["segments"], score_segments(*router, arguments.text));
  json["parts"] = base::OrderedJson::array();
  for (const auto& part : route.parts) json["parts"].push_back(to_json(part, arguments.text));
  if (options.json) {
    print_json(json);
  } else {
    print_route(json);
  }
  return {};
}

Status train_routing(const GlobalOptions& options, const TrainArguments& arguments) {
  const std::filesystem::path example = arguments.example.empty()
                                            ? runtime::service_desk_directory()
                                            : std::filesystem::path(arguments.example);
  KITH_ASSIGN_OR_RETURN(const auto routing, eval::load_desk_routing(example));
  KITH_ASSIGN_OR_RETURN(const auto encoder, runtime::load_router_encoder());
  // The last one trained is the one that is kept: it has seen all texts.
  std::optional<persona::TextClassifier> classifier;
  const auto train = [&](std::span<const persona::LabelledText> texts)
      -> Result<std::shared_ptr<const persona::SegmentScorer>> {
    KITH_ASSIGN_OR_RETURN(classifier,
                          persona::TextClassifier::train(texts, encoder, {.seed = arguments.seed}));
    return persona::make_scorer(*classifier);
  };
  KITH_ASSIGN_OR_RETURN(const auto trained, persona::train_router(routing.training, train,
                                                                  {.seed = arguments.seed,
                                                                   .progress = progress_bar()}));
  KITH_ASSIGN_OR_RETURN(const auto topics, persona::TextClassifier::train(
                                               routing.topics, encoder, {.seed = arguments.seed}));
  KITH_RETURN_IF_ERROR(persona::save_router(arguments.out, trained.card, *classifier, &topics));
  base::OrderedJson json = {{"out", arguments.out}, {"texts", trained.card.num_texts}};
  for (const auto& [name, value] : trained.card.figures) json[name] = value;
  if (options.json) {
    print_json(json);
  } else {
    print_rows(base::OrderedJson::array({json}));
  }
  return {};
}

}  // namespace

void add_route_command(CLI::App& app, GlobalOptions& options, int& status) {
  auto* command = app.add_subcommand("route", "which persona's model answers which part of a text");
  const auto arguments = std::make_shared<RouteArguments>();
  command->add_option("text", arguments->text, "the prompt")->required();
  command->add_option("--user", arguments->user, "a user's id: what is known of him counts");
  command->callback([&options, &status, arguments] {
    status = finish(route(options, *arguments), options.json);
  });
}

void add_train_routing(CLI::App& train, GlobalOptions& options, int& status) {
  auto* command = train.add_subcommand("routing", "train the router of prompts to personas");
  const auto arguments = std::make_shared<TrainArguments>();
  command->add_option("--example", arguments->example,
                      "directory like examples/service-desk (default: that)");
  command->add_option("--out", arguments->out, "directory to write")->required();
  command->add_option("--seed", arguments->seed, "of everything drawn");
  command->callback([&options, &status, arguments] {
    status = finish(train_routing(options, *arguments), options.json);
  });
}

}  // namespace kith::cli
