// Which persona's model answers which part of the prompt, and the answer of two parts made one.
//
// A second part is asked as the next turn, after the first part and its answer: it may speak of
// them. To the client both are one answer, joined by a blank line, under one decision.
#include <algorithm>
#include <utility>

#include "kith/personalize/session.h"

namespace kith::personalize {
namespace {

constexpr std::string_view kSeparator = "\n\n";
// A client that wants fewer tokens wants one short answer.
constexpr int kMinPartedTokens = 32;

}  // namespace

// What would route this request, whoever asks; the user's consent is looked at by route_prompt().
bool Session::may_route() const {
  return kit_.router != nullptr && kit_.assigner != nullptr && is_named_ && !request_.adapters &&
         capabilities_.has_adapters && !question_.empty() && !is_switched_off(kTechniqueRouter) &&
         !is_switched_off(kTechniquePersona) && !is_switched_off(kTechniqueAdapter);
}

// Whether two answers may be made one: not where the answer has a format of its own, where its
// tokens are told or steered, or where the end of the first would be the end of all.
bool Session::may_part() const {
  const Message& last = request_.messages.back();
  return last.role == "user" && last.raw.empty() && may_quote() && request_.stop.empty() &&
         request_.soft_prompt == nullptr && request_.num_choices == 1 && !is_passed_through() &&
         request_.max_tokens.value_or(kMinPartedTokens) >= kMinPartedTokens;
}

// Runs while the stores are read.
void Session::score_prompt() {
  if (!may_route()) return;
  const double start = now_ms();
  auto scores = kit_.router->score(question_);
  prompt_scores_ms_ = now_ms() - start;
  kit_.services.metrics.on_step(kTechniqueRouter, prompt_scores_ms_);
  if (scores) {
    prompt_scores_ = *std::move(scores);
  } else {
    degrade(kTechniqueRouter, scores.error());
  }
}

void Session::route_prompt() {
  if (kit_.router == nullptr) return;
  if (!user_.personalizes) return plan(kTechniqueRouter, false, why_plain_);
  if (!wants(kTechniqueRouter)) return;
  if (request_.adapters) return plan(kTechniqueRouter, false, "the request names adapters");
  if (!capabilities_.has_adapters) {
    return plan(kTechniqueRouter, false, "the generator has no adapters");
  }
  if (!may_route()) return plan(kTechniqueRouter, false, "personas or adapters are switched off");
  if (!prompt_scores_) return plan(kTechniqueRouter, false, "it failed");
  last_step_ms_ = prompt_scores_ms_;
  // Its weights were tuned on who the user is among the personas.
  const auto profile = persona::given_a_persona(answer_.personas);
  take_route(kit_.router->route(*prompt_scores_, profile, may_part()));
}

void Session::take_route(persona::Route route) {
  const auto& catalogue = kit_.assigner->catalogue();
  for (const persona::RoutePart& part : route.parts) {
    AnswerPart taken{.start = part.span.begin, .end = part.span.end, .persona = {}, .adapters = {}};
    for (const persona::RouteShare& share : part.shares) {
      const persona::Persona* named = catalogue.find_persona(share.persona);
      // A persona that left the catalogue since the router was trained.
      if (named == nullptr || named->adapter.empty()) continue;
      if (taken.persona.empty()) taken.persona = named->id;
      taken.adapters.push_back({named->adapter, share.weight});
    }
    answer_.parts.push_back(std::move(taken));
  }
  plan(kTechniqueRouter, route.kind != persona::RouteKind::kBase, route.reason);
  answer_.route = std::move(route);
  if (answer_.parts.size() > 1) {
    begin_part(0);
  } else if (!answer_.parts.front().persona.empty()) {
    answer_.persona = answer_.parts.front().persona;
    persona_ = catalogue.find_persona(answer_.persona);
  }
}

void Session::take_routed_adapters() {
  AnswerPart& part = answer_.parts[part_];
  adapters_.clear();
  held_adapters_ = nullptr;
  if (part.adapters.empty()) {
    return plan(kTechniqueAdapter, false, "the router chose the base model");
  }
  const bool is_blend = part.adapters.size() > 1;
  if (take_adapters(part.adapters)) {
    plan(kTechniqueAdapter, true,
         is_blend ? "a blend that the router chose" : "the router's choice");
  } else {
    part.adapters.clear();
  }
}

// Makes the part at `index` the one that the next steps are about.
void Session::begin_part(std::size_t index) {
  const AnswerPart& part = answer_.parts[index];
  if (index > 0) {
    messages_.push_back({"assistant", answer_.choices.front().text, ""});
    messages_.push_back({"user", "", ""});
  }
  part_ = index;
  asked_ = question_.substr(part.start, part.end - part.start);
  messages_.back().content = asked_;
  if (request_.max_tokens) {
    max_tokens_ = index == 0 ? (*request_.max_tokens + 1) / 2
                             : std::max(1, *request_.max_tokens - answer_.completion_tokens);
  }
  if (index == 0) answer_.persona = part.persona;
  persona_ = kit_.assigner->catalogue().find_persona(part.persona);
  passages_.clear();
  extract_.reset();
  needed_text_.clear();
  extractive_text_.clear();
  is_extract_dropped_ = false;
  candidates_.clear();
  search_ = nullptr;
  start_search();
}

void Session::end_part() {
  if (part_ == 0) {
    answer_.choices = std::exchange(chosen_, {});
    return;
  }
  for (std::size_t i = 0; i < std::min(answer_.choices.size(), chosen_.size()); ++i) {
    Choice& whole = answer_.choices[i];
    const Choice& part = chosen_[i];
    if (!whole.text.empty() && !part.text.empty()) whole.text += kSeparator;
    whole.text += part.text;
    if (whole.finish_reason != "length") whole.finish_reason = part.finish_reason;
  }
  chosen_.clear();
}

// Before the first text of a choice's second part.
void Session::send_separator(int choice) {
  if (part_ == 0) return;
  if (std::find(separated_.begin(), separated_.end(), choice) != separated_.end()) return;
  separated_.push_back(choice);
  const auto index = static_cast<std::size_t>(choice);
  if (index < answer_.choices.size() && !answer_.choices[index].text.empty()) {
    sink_->on_delta({.choice = choice, .text = kSeparator});
  }
}

}  // namespace kith::personalize
