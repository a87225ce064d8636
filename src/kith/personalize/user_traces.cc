#include "kith/personalize/user_traces.h"

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "kith/base/json.h"
#include "kith/persona/denied_words.h"
#include "kith/personalize/persona_learner.h"

namespace kith::personalize {
namespace {

constexpr std::size_t kAll = std::numeric_limits<std::int64_t>::max();

// The document that an answer quoted first; empty if none.
std::string cited_by(const std::string& document) {
  const auto json = base::parse_json(document);
  if (!json || !json->is_object()) return {};
  const auto passages = json->find("passages");
  if (passages == json->end() || !passages->is_array() || passages->empty()) return {};
  const base::Json& first = passages->front();
  if (!first.is_object() || persona::holds_denied_word(first.value("title", ""))) return {};
  return first.value("id", "");
}

class TraceReader {
 public:
  TraceReader(storage::StoreSet& stores, memory::Knowledge& knowledge, storage::Scope scope)
      : stores_(stores), knowledge_(knowledge), scope_(std::move(scope)) {}

  Result<std::vector<persona::TraceStep>> read() {
    KITH_RETURN_IF_ERROR(read_feedback());
    KITH_ASSIGN_OR_RETURN(const auto turns, stores_.conversations().recent_turns(scope_, kAll));
    for (const storage::TurnRow& turn : turns) {
      if (turn.role == "user") {
        KITH_RETURN_IF_ERROR(begin_step(turn));
      } else if (turn.role == "assistant") {
        KITH_RETURN_IF_ERROR(add_answer(turn));
      }
    }
    KITH_RETURN_IF_ERROR(end_step());
    return std::move(steps_);
  }

 private:
  Status read_feedback() {
    KITH_ASSIGN_OR_RETURN(const auto rows, stores_.feedback().list(scope_, kAll));
    for (const storage::FeedbackRow& row : rows) {
      if (auto event = behaviour_of(row)) feedback_[row.decision].push_back(*std::move(event));
    }
    return {};
  }

  Status begin_step(const storage::TurnRow& turn) {
    KITH_RETURN_IF_ERROR(end_step());
    steps_.push_back({turn.at, turn.text, {}});
    steps_.back().events.push_back({persona::kBehaviourHour, persona::hour_item(turn.at)});
    is_cited_ = false;
    return {};
  }

  Status add_answer(const storage::TurnRow& turn) {
    if (steps_.empty()) return {};
    auto& events = steps_.back().events;
    if (!turn.decision.empty()) {
      KITH_ASSIGN_OR_RETURN(const auto decision, stores_.decisions().find(scope_, turn.decision));
      is_cited_ = decision.has_value();
      const std::string cited = decision ? cited_by(decision->document) : std::string();
      if (!cited.empty()) events.push_back({persona::kBehaviourCited, cited});
      const auto& told = feedback_[turn.decision];
      events.insert(events.end(), told.begin(), told.end());
    } else if (turn.rating) {
      const storage::FeedbackRow row{.kind = "rating", .value = turn.rating};
      if (auto event = behaviour_of(row)) events.push_back(*std::move(event));
    }
    return {};
  }

  // Of a message without a decision, what would be cited.
  Status end_step() {
    if (steps_.empty() || is_cited_) return {};
    is_cited_ = true;
    KITH_ASSIGN_OR_RETURN(
        const auto passages,
        knowledge_.search(scope_.tenant_scope(),
                          {.query = steps_.back().message, .access = {}, .k = 1}));
    if (passages.empty() || persona::holds_denied_word(passages.front().title)) return {};
    steps_.back().events.push_back({persona::kBehaviourCited, passages.front().id.str()});
    return {};
  }

  storage::StoreSet& stores_;
  memory::Knowledge& knowledge_;
  const storage::Scope scope_;
  std::map<DecisionId, std::vector<persona::BehaviourEvent>> feedback_;
  std::vector<persona::TraceStep> steps_;
  // The document cited for the last step is known.
  bool is_cited_ = true;
};

}  // namespace

Result<std::vector<persona::UserTrace>> read_user_traces(storage::StoreSet& stores,
                                                         memory::Knowledge& knowledge,
                                                         const storage::TenantScope& scope,
                                                         std::span<const persona::Member> members) {
  std::vector<persona::UserTrace> traces;
  for (const persona::Member& member : members) {
    const storage::Scope own{scope.tenant, member.user};
    KITH_ASSIGN_OR_RETURN(const auto consents, stores.consents().list(own));
    const bool is_allowed = storage::is_allowed(consents, storage::kConsentPersonalize) &&
                            storage::is_allowed(consents, storage::kConsentLearn);
    KITH_ASSIGN_OR_RETURN(auto user, stores.users().find(own));
    if (!is_allowed || !user) continue;
    persona::UserTrace trace{.user = member.user,
                             .persona = member.persona,
                             .is_test = member.is_held_out,
                             .attributes = std::move(user->attributes),
                             .steps = {}};
    KITH_ASSIGN_OR_RETURN(trace.steps, TraceReader(stores, knowledge, own).read());
    traces.push_back(std::move(trace));
  }
  return traces;
}

}  // namespace kith::personalize
