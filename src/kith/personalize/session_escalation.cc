// Names the people who take over, where the user asks for them or the answer stands on nothing.
#include <algorithm>

#include "kith/personalize/escalation.h"
#include "kith/personalize/session.h"
#include "kith/text/language.h"

namespace kith::personalize {
namespace {

// A remark of fewer content words asks nothing that a document could fail to answer.
constexpr std::size_t kMinAskedWords = 3;

}  // namespace

// A question that no document is close to, unless it is none for the desk at all.
void Session::note_missing_documents() {
  const bool is_outside =
      answer_.route && answer_.route->out_of_scope > answer_.route->out_of_scope_threshold;
  if (!is_outside && content_words(asked_).size() >= kMinAskedWords) is_weakly_grounded_ = true;
}

const persona::Escalation* Session::find_escalation() const {
  const persona::Persona* persona = find_own_persona();
  return persona == nullptr || persona->escalation.empty() ? nullptr : &persona->escalation;
}

void Session::escalate() {
  const bool is_asked = asks_for_person(question_);
  if (!is_asked && !is_weakly_grounded_) return;
  const persona::Escalation* target = find_escalation();
  if (target == nullptr || !wants(kTechniqueEscalation)) return;
  answer_.escalation = EscalationReport{is_asked ? kEscalationAsked : kEscalationWeak, *target};
  answer_.escalation->is_in_text = tell_escalation(*target);
  plan(kTechniqueEscalation, true, answer_.escalation->reason + ": " + target->name);
}

// In every choice or in none. An answer with a format, a stop text or tokens that the client looks
// at stays as it is, and so does one that was cut.
bool Session::tell_escalation(const persona::Escalation& target) {
  if (is_passed_through() || !may_quote()) return false;
  // A model elsewhere knows things that our documents do not hold: there, only who asks is told.
  const bool is_asked = answer_.escalation->reason == kEscalationAsked;
  if (!capabilities_.is_own_engine && !is_asked) return false;
  const text::Language asked = text::detect_language(question_);
  const std::string& wanted = answer_.style_asked.language;
  const EscalationStyle style{
      .layout = layout_,
      .is_short = answer_.style_asked.length == "short",
      .language = wanted.empty() || wanted == "user" ? std::string(asked.code) : wanted};
  std::vector<std::string> additions;
  for (const Choice& choice : answer_.choices) {
    if (choice.finish_reason != "stop" || !choice.raw.empty()) return false;
    const bool is_told = choice.text.find(target.channel) != std::string::npos;
    additions.push_back(is_told ? "" : render_escalation(target, style, choice.text));
    if (!has_room(choice.text, additions.back())) return false;
  }
  start_sink();
  for (std::size_t i = 0; i < additions.size(); ++i) {
    if (additions[i].empty()) continue;
    answer_.choices[i].text += additions[i];
    answer_.completion_tokens +=
        static_cast<int>(kit_.services.generator.count_tokens(additions[i]));
    if (sink_ != nullptr) {
      sink_->on_delta({.choice = static_cast<int>(i), .text = additions[i]});
    }
  }
  return true;
}

// Whether the choice keeps the request's limits with the addition, too.
bool Session::has_room(const std::string& text, const std::string& addition) const {
  const std::string whole = text + addition;
  const auto& stops = request_.stop;
  const bool has_stop = std::any_of(stops.begin(), stops.end(), [&whole](const std::string& stop) {
    return whole.find(stop) != std::string::npos;
  });
  if (has_stop) return false;
  return !request_.max_tokens || kit_.services.generator.count_tokens(whole) <=
                                     static_cast<std::size_t>(*request_.max_tokens);
}

}  // namespace kith::personalize
