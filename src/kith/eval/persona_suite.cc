#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>

#include "kith/eval/suites.h"

namespace kith::eval {
namespace {

// Sum of log-probabilities and number of tokens.
struct Loss {
  double nats = 0.0;
  double tokens = 0.0;

  void add(const Loss& other) {
    nats += other.nats;
    tokens += other.tokens;
  }
  double perplexity() const { return tokens > 0.0 ? std::exp(-nats / tokens) : 0.0; }
};

// The losses of one user's answers: [persona or base] under the adapter of that name.
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
      loss.add({.nats = scores.front() * tokens, .tokens = tokens});
    }
  }
  return loss;
}

double perplexity_of(const std::vector<UserLoss>& users, const std::vector<std::size_t>& units,
                     const std::string& persona, std::size_t adapter) {
  Loss total;
  for (const std::size_t unit : units) {
    if (users[unit].persona == persona) total.add(users[unit].by_adapter[adapter]);
  }
  return total.perplexity();
}

// Share of the personas whose users' answers are likeliest under their own adapter.
double own_best(const DeskData& data, const std::vector<UserLoss>& users,
                const std::vector<std::size_t>& units) {
  double best = 0.0;
  double seen = 0.0;
  for (std::size_t own = 0; own < data.personas.size(); ++own) {
    const double mine = perplexity_of(users, units, data.personas[own], own);
    if (mine <= 0.0) continue;
    seen += 1.0;
    bool is_lowest = true;
    for (std::size_t other = 0; other <= data.personas.size(); ++other) {
      if (other != own && perplexity_of(users, units, data.personas[own], other) <= mine) {
        is_lowest = false;
      }
    }
    best += is_lowest ? 1.0 : 0.0;
  }
  return seen > 0.0 ? best / seen : 0.0;
}

// 1 - perplexity under the own adapter / under the base model, mean over personas.
double gain(const DeskData& data, const std::vector<UserLoss>& users,
            const std::vector<std::size_t>& units) {
  double total = 0.0;
  double seen = 0.0;
  for (std::size_t own = 0; own < data.personas.size(); ++own) {
    const double base = perplexity_of(users, units, data.personas[own], data.personas.size());
    if (base <= 0.0) continue;
    total += 1.0 - perplexity_of(users, units, data.personas[own], own) / base;
    seen += 1.0;
  }
  return seen > 0.0 ? total / seen : 0.0;
}

void add_table(const DeskData& data, const std::vector<UserLoss>& users, bool middle,
               Report& report) {
  std::vector<std::size_t> all(users.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  report.notes.push_back(middle ? "perplexity, first and last sentence cut off"
                                : "perplexity of held-out users' answers");
  std::string header = "users of            ";
  for (const auto& persona : data.personas) header += "  " + persona.substr(0, 10);
  report.notes.push_back(header + "  base");
  for (const auto& persona : data.personas) {
    char cell[32];
    std::snprintf(cell, sizeof(cell), "%-20s", persona.c_str());
    std::string line = cell;
    for (std::size_t adapter = 0; adapter <= data.personas.size(); ++adapter) {
      std::snprintf(cell, sizeof(cell), "  %10.2f", perplexity_of(users, all, persona, adapter));
      line += cell;
    }
    report.notes.push_back(line);
  }
}

}  // namespace

Result<Report> evaluate_personas(const DeskData& data, personalize::Generator& generator,
                                 const Progress& progress) {
  std::map<std::string, std::vector<const DeskConversation*>> by_user;
  for (const auto& conversation : data.conversations) {
    if (conversation.is_test) by_user[conversation.user].push_back(&conversation);
  }
  const auto names = generator.adapter_names();
  const std::set<AdapterId> known(names.begin(), names.end());
  std::vector<AdapterId> adapters;
  for (const auto& persona : data.personas) {
    if (!known.contains(AdapterId(persona))) {
      return Error{ErrorCode::kNotFound, "the model has no adapter for persona " + persona};
    }
    adapters.emplace_back(persona);
  }
  adapters.emplace_back();

  Report report{.suite = "personas"};
  const double steps = 2.0 * static_cast<double>(by_user.size() * adapters.size());
  double done = 0.0;
  for (const bool middle : {false, true}) {
    std::vector<UserLoss> users;
    for (const auto& [user, conversations] : by_user) {
      UserLoss losses{.persona = conversations.front()->persona};
      for (const auto& adapter : adapters) {
        KITH_ASSIGN_OR_RETURN(const Loss loss,
                              score_user(conversations, generator, adapter, middle));
        losses.by_adapter.push_back(loss);
        if (progress) progress(++done / steps);
      }
      users.push_back(std::move(losses));
    }
    const std::string suffix = middle ? "_middle" : "";
    report.figures["own_adapter_best" + suffix] =
        bootstrap(users.size(), [&](const auto& units) { return own_best(data, users, units); });
    report.figures["own_adapter_best" + suffix].baselines["chance"] =
        1.0 / static_cast<double>(adapters.size());
    report.figures["perplexity_gain" + suffix] =
        bootstrap(users.size(), [&](const auto& units) { return gain(data, users, units); });
    add_table(data, users, middle, report);
  }
  return report;
}

}  // namespace kith::eval
