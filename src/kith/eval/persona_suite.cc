#include <algorithm>
#include <cstdio>
#include <numeric>
#include <optional>
#include <set>

#include "kith/eval/loss.h"
#include "kith/eval/suites.h"

namespace kith::eval {
namespace {

// The losses of one user's answers under each adapter of `Lineup`.
struct UserLoss {
  std::string persona;
  std::vector<Loss> by_adapter;
};

// Every answer of the user as a continuation of what stands before it; no system message, so
// neither persona nor style card.
Result<Loss> score_user(const std::vector<const DeskConversation*>& conversations,
                        personalize::Generator& generator, const AdapterId& adapter, bool middle) {
  Loss loss;
  for (const DeskConversation* conversation : conversations) {
    const auto& turns = conversation->turns;
    for (std::size_t i = 0; i < turns.size(); ++i) {
      if (turns[i].role != "assistant" || i == 0) continue;
      const std::string text = middle ? middle_of(turns[i].content) : turns[i].content;
      if (text.empty()) continue;
      const auto before = std::span(turns).first(i);
      KITH_ASSIGN_OR_RETURN(const auto scores,
                            generator.score({.messages = {before.begin(), before.end()},
                                             .adapters = personalize::only_adapter(adapter),
                                             .soft_prompt = nullptr,
                                             .tenant = {},
                                             .continuations = {text}}));
      const auto tokens = static_cast<double>(generator.count_tokens(text));
      loss.add({.nats = -scores.front() * tokens, .tokens = tokens});
    }
  }
  return loss;
}

// Whose fits are compared: each persona's adapter, then the base model, then the shared one.
struct Lineup {
  std::vector<std::string> personas;
  std::vector<AdapterId> adapters;

  std::size_t base() const { return personas.size(); }
  std::size_t shared() const { return personas.size() + 1; }
  bool has_shared() const { return adapters.size() > shared(); }
};

Lineup line_up(const DeskData& data, const personalize::Generator& generator) {
  Lineup lineup{.personas = data.personas, .adapters = {}};
  for (const auto& persona : data.personas) lineup.adapters.emplace_back(persona);
  lineup.adapters.emplace_back();
  const auto names = generator.adapter_names();
  const AdapterId shared(kSharedAdapter);
  if (std::find(names.begin(), names.end(), shared) != names.end()) {
    lineup.adapters.push_back(shared);
  }
  return lineup;
}

using Units = std::vector<std::size_t>;

double perplexity_of(const std::vector<UserLoss>& users, const Units& units,
                     const std::string& persona, std::size_t adapter) {
  Loss total;
  for (const std::size_t unit : units) {
    if (users[unit].persona == persona) total.add(users[unit].by_adapter[adapter]);
  }
  return total.perplexity();
}

// Share of the personas whose users' answers are likeliest under their own adapter.
double own_best(const Lineup& lineup, const std::vector<UserLoss>& users, const Units& units) {
  double best = 0.0;
  double seen = 0.0;
  for (std::size_t own = 0; own < lineup.personas.size(); ++own) {
    const double mine = perplexity_of(users, units, lineup.personas[own], own);
    if (mine <= 0.0) continue;
    seen += 1.0;
    bool is_lowest = true;
    for (std::size_t other = 0; other < lineup.adapters.size(); ++other) {
      if (other != own && perplexity_of(users, units, lineup.personas[own], other) <= mine) {
        is_lowest = false;
      }
    }
    best += is_lowest ? 1.0 : 0.0;
  }
  return seen > 0.0 ? best / seen : 0.0;
}

// 1 - perplexity under the own adapter / under `reference`, mean over personas. With `adapter`,
// that one in the place of each own.
double gain(const Lineup& lineup, const std::vector<UserLoss>& users, const Units& units,
            std::size_t reference, std::optional<std::size_t> adapter = {}) {
  double total = 0.0;
  double seen = 0.0;
  for (std::size_t own = 0; own < lineup.personas.size(); ++own) {
    const auto& persona = lineup.personas[own];
    const double base = perplexity_of(users, units, persona, reference);
    if (base <= 0.0) continue;
    total += 1.0 - perplexity_of(users, units, persona, adapter.value_or(own)) / base;
    seen += 1.0;
  }
  return seen > 0.0 ? total / seen : 0.0;
}

void add_table(const Lineup& lineup, const std::vector<UserLoss>& users, bool middle,
               Report& report) {
  Units all(users.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  report.notes.push_back(middle ? "perplexity, first and last sentence cut off"
                                : "perplexity of held-out users' answers");
  std::string header = "users of            ";
  for (const auto& persona : lineup.personas) header += "  " + persona.substr(0, 10);
  report.notes.push_back(header + "  base" + (lineup.has_shared() ? "        shared" : ""));
  for (const auto& persona : lineup.personas) {
    char cell[32];
    std::snprintf(cell, sizeof(cell), "%-20s", persona.c_str());
    std::string line = cell;
    for (std::size_t adapter = 0; adapter < lineup.adapters.size(); ++adapter) {
      std::snprintf(cell, sizeof(cell), "  %10.2f", perplexity_of(users, all, persona, adapter));
      line += cell;
    }
    report.notes.push_back(line);
  }
}

void add_figures(const Lineup& lineup, const std::vector<UserLoss>& users,
                 const std::string& suffix, Report& report) {
  auto& best = report.figures["own_adapter_best" + suffix] =
      bootstrap(users.size(), [&](const Units& units) { return own_best(lineup, users, units); });
  best.baselines["chance"] = 1.0 / static_cast<double>(lineup.adapters.size());
  auto& over_base = report.figures["perplexity_gain" + suffix] = bootstrap(
      users.size(), [&](const Units& units) { return gain(lineup, users, units, lineup.base()); });
  if (!lineup.has_shared()) return;
  Units all(users.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  over_base.baselines["shared_adapter"] = gain(lineup, users, all, lineup.base(), lineup.shared());
  report.figures["gain_over_shared" + suffix] = bootstrap(users.size(), [&](const Units& units) {
    return gain(lineup, users, units, lineup.shared());
  });
}

}  // namespace

Status require_adapters(const DeskData& data, const personalize::Generator& generator) {
  const auto names = generator.adapter_names();
  const std::set<AdapterId> known(names.begin(), names.end());
  for (const auto& persona : data.personas) {
    if (!known.contains(AdapterId(persona))) {
      return Error{ErrorCode::kNotFound, "the model has no adapter for persona " + persona};
    }
  }
  return {};
}

Result<Report> evaluate_personas(const DeskData& data, personalize::Generator& generator,
                                 const Progress& progress) {
  std::map<std::string, std::vector<const DeskConversation*>> by_user;
  for (const auto& conversation : data.conversations) {
    if (conversation.is_test) by_user[conversation.user].push_back(&conversation);
  }
  KITH_RETURN_IF_ERROR(require_adapters(data, generator));
  const Lineup lineup = line_up(data, generator);

  Report report{.suite = "personas"};
  const double steps = 2.0 * static_cast<double>(by_user.size() * lineup.adapters.size());
  double done = 0.0;
  for (const bool middle : {false, true}) {
    std::vector<UserLoss> users;
    for (const auto& [user, conversations] : by_user) {
      UserLoss losses{.persona = conversations.front()->persona};
      for (const auto& adapter : lineup.adapters) {
        KITH_ASSIGN_OR_RETURN(const Loss loss,
                              score_user(conversations, generator, adapter, middle));
        losses.by_adapter.push_back(loss);
        if (progress) progress(++done / steps);
      }
      users.push_back(std::move(losses));
    }
    add_figures(lineup, users, middle ? "_middle" : "", report);
    add_table(lineup, users, middle, report);
  }
  return report;
}

}  // namespace kith::eval
