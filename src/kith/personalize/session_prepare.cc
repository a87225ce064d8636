// The steps before generation: who asks, what they said before, what helps to answer.
#include <algorithm>
#include <cmath>
#include <utility>

#include "kith/base/log.h"
#include "kith/personalize/session.h"
#include "kith/personalize/style.h"

namespace kith::personalize {
namespace {

// A question with fewer content words takes the one before it along when documents are searched.
constexpr std::size_t kMinQueryWords = 3;

const Message* find_last_user(const std::vector<Message>& messages) {
  const auto it = std::find_if(messages.rbegin(), messages.rend(),
                               [](const Message& message) { return message.role == "user"; });
  return it == messages.rend() ? nullptr : &*it;
}

std::string make_query(const std::vector<Message>& messages, const std::string& question) {
  if (content_words(question).size() >= kMinQueryWords) return question;
  std::string query = question;
  bool is_current = true;
  for (auto it = messages.rbegin(); it != messages.rend(); ++it) {
    if (it->role != "user") continue;
    if (!is_current) return it->content + "\n" + query;
    is_current = false;
  }
  return query;
}

// Whether the passages are about the query. A search finds something for "thanks, that worked"; one
// common word is no topic unless it is all that was asked and a title names it.
bool is_close(const std::string& query, const std::vector<memory::Passage>& passages,
              const std::optional<memory::ExtractiveAnswer>& best, double min_coverage) {
  if (!best || best->coverage < min_coverage) return false;
  Sources texts;
  Sources titles;
  for (const memory::Passage& passage : passages) {
    titles.add(passage_title(passage));
    texts.add(passage.text);
  }
  const std::vector<std::string> words = content_words(query);
  const auto in = [&words](const Sources& sources) {
    return std::count_if(words.begin(), words.end(),
                         [&](const std::string& word) { return sources.has_word(word); });
  };
  return in(texts) >= 2 || (words.size() == 1 && in(titles) == 1);
}

}  // namespace

Session::Session(SessionKit& kit, const ChatRequest& request, const SessionIds& ids,
                 AnswerSink* sink, const CancelToken& cancel)
    : kit_(kit),
      request_(request),
      ids_(ids),
      sink_(sink),
      cancel_(cancel),
      capabilities_(kit.services.generator.capabilities()),
      visit_(kit.gate.enter()) {
  answer_.decision = ids.decision;
  answer_.completion = ids.completion;
  answer_.created_at = kit.services.clock.now();
  answer_.user = request.scope.user;
  answer_.conversation = request.conversation;
  answer_.model = capabilities_.model;
  answer_.timings.admission_ms = request.admission_ms;
  is_named_ = !request.scope.user.empty();
  if (const Message* message = find_last_user(request.messages)) question_ = message->content;
  asked_ = question_;
  messages_ = request.messages;
  max_tokens_ = request.max_tokens;
}

double Session::now_ms() const {
  return std::chrono::duration<double, std::milli>(kit_.services.clock.monotonic()).count();
}

void Session::plan(const char* technique, bool used, std::string reason, std::size_t tokens) {
  if (part_ > 0) reason += " (second part)";
  answer_.plan.push_back(
      {technique, used, std::move(reason), static_cast<int>(tokens), last_step_ms_});
  last_step_ms_ = 0.0;
}

bool Session::is_switched_off(const char* technique) const {
  const auto it = request_.plan.find(technique);
  return it != request_.plan.end() && !it->second;
}

bool Session::wants(const char* technique) {
  if (!is_switched_off(technique)) return true;
  plan(technique, false, "switched off by the request");
  return false;
}

void Session::degrade(std::string_view step, const Error& error) {
  answer_.degraded.push_back({std::string(step), error.message});
  kit_.services.metrics.on_degraded(step, name_of(error.code));
  // The message is left out: a store's may quote what it was given.
  base::log_warn("decision " + answer_.decision.str() + ": step " + std::string(step) +
                 " left out: " + std::string(name_of(error.code)));
}

// What the stores know of the user is read by one thread; identify(), recall_state(),
// place_turns() and recall() take it as it comes.
void Session::start_reading() {
  if (!is_named_) return;
  // What later steps need of those before them.
  struct Known {
    bool personalizes = false;
    bool learns = false;
    ConversationId conversation;
  };
  const auto known = std::make_shared<Known>();
  known->conversation = request_.conversation;
  auto& stores = kit_.services.stores;
  StepRunner::Chain chain;
  reading_.user = chain.add(timed<UserSnapshot>([&stores, known, scope = request_.scope] {
    auto user = read_user(stores, scope);
    if (user) {
      known->personalizes = user->personalizes;
      known->learns = user->learns;
    }
    return user;
  }));
  if (kit_.assigner != nullptr && !is_switched_off(kTechniquePersona)) {
    using Row = std::optional<storage::PersonaAssignment>;
    reading_.persona =
        chain.add(timed<Row>([&stores, known, scope = request_.scope]() -> Result<Row> {
          if (!known->personalizes) return Row();
          return stores.personas().find(scope);
        }));
  }
  if (request_.stores) {
    reading_.plan = chain.add(
        timed<HistoryPlan>([&stores, known, scope = request_.scope, named = request_.conversation,
                            turns = to_turns(request_.messages, answer_.created_at),
                            new_id = ids_.conversation]() -> Result<HistoryPlan> {
          if (!known->learns) return HistoryPlan{};
          auto plan = plan_turns(stores.conversations(), scope, named, turns, new_id);
          if (plan) known->conversation = plan->conversation;
          return plan;
        }));
  }
  if (!is_switched_off(kTechniqueHistory)) {
    reading_.exchanges = chain.add(timed<std::vector<std::string>>(
        [&stores, known, scope = request_.scope, question = question_,
         limit = kit_.options.max_exchanges]() -> Result<std::vector<std::string>> {
          if (!known->personalizes) return std::vector<std::string>();
          return recall_exchanges(stores.conversations(),
                                  {scope, known->conversation, question, limit});
        }));
  }
  kit_.runner.start(std::move(chain));
}

void Session::identify() {
  if (!is_named_) return;
  auto user = finish_step<UserSnapshot>("identify", kit_.options.budgets.identify,
                                        std::move(reading_.user));
  if (!user) {
    // Without knowing the user's consent there is none.
    why_plain_ = "the user could not be read";
    return;
  }
  user_ = *std::move(user);
  learns_ = user_.learns && request_.stores;
  if (!user_.personalizes) {
    why_plain_ = "the user has not consented";
    return;
  }
  // Nobody who has not consented is looked at.
  entitlement_ = persona::entitle(kit_.assigner.get(), user_.attributes);
  answer_.queue_class = entitlement_.queue_class;
}

// Only says where the turns belong: they are written while the answer is generated.
void Session::place_turns() {
  if (!learns_) return;
  const auto plan = finish_step<HistoryPlan>("conversation", kit_.options.budgets.conversation,
                                             std::move(reading_.plan));
  if (!plan) return;
  answer_.conversation = plan->conversation;
  new_messages_ = plan->new_messages;
  history_source_ = plan->source;
  stores_turns_ = true;
}

void Session::start_storing() {
  if (!stores_turns_) return;
  storing_ = kit_.runner.start<storage::HistoryPlace>(
      [&kit = kit_, visit = visit_, scope = request_.scope, source = history_source_,
       turns = to_turns(request_.messages, answer_.created_at), new_id = ids_.conversation] {
        return kit.gate.write(*visit, scope, [&] {
          return storage::store_history(kit.services.stores.conversations(), scope, source, turns,
                                        new_id);
        });
      });
}

void Session::recall_state() {
  if (!user_.personalizes || kit_.assigner == nullptr || is_switched_off(kTechniquePersona)) return;
  const persona::Assigner& assigner = *kit_.assigner;
  const auto row = finish_step<std::optional<storage::PersonaAssignment>>(
      "persona", kit_.options.budgets.persona, std::move(reading_.persona));
  // Parsed here and not in the chain, which is at the next store meanwhile.
  if (row && *row) state_ = assigner.from_row(**row);
  const bool is_outdated = row && *row && (*row)->model_version != assigner.version();
  if (is_outdated) {
    auto& stores = kit_.services.stores;
    const auto messages = step<std::vector<PastMessage>>(
        "persona", kit_.options.budgets.persona, [&stores, scope = request_.scope] {
          return read_messages(stores.conversations(), scope, kRelearnedTurns);
        });
    if (messages) {
      for (const PastMessage& message : *messages) {
        assigner.observe(message.text, message.at, state_);
      }
    }
  }
  state_ms_ = last_step_ms_;
}

void Session::assign_persona() {
  if (!user_.personalizes) return plan(kTechniquePersona, false, why_plain_);
  if (kit_.assigner == nullptr) return plan(kTechniquePersona, false, "there are no personas");
  if (!wants(kTechniquePersona)) return;
  const persona::Assigner& assigner = *kit_.assigner;
  const base::UnixMicros now = answer_.created_at;
  for (const std::string& message : new_messages_) assigner.observe(message, now, state_);
  if (!learns_) assigner.observe(question_, now, state_);  // counts now, is not kept
  const persona::UserFacts facts{.attributes = user_.attributes,
                                 .recorded_at = user_.recorded_at,
                                 .context = request_.context,
                                 .now = now};
  persona::Assignment assignment = assigner.assign(facts, state_);
  if (learns_ && !assignment.weights.empty()) {
    note_drift(facts, assignment);
    learned_ = std::move(state_);
  }
  answer_.personas = std::move(assignment.weights);
  answer_.abstain = assignment.abstain;
  answer_.evidence = std::move(assignment.evidence);
  answer_.assigned = assignment.persona;
  answer_.persona = assignment.persona;
  persona_ = assigner.catalogue().find_persona(assignment.persona);
  last_step_ms_ = state_ms_;
  plan(kTechniquePersona, persona_ != nullptr,
       persona_ != nullptr ? "likely enough" : "no persona is likely enough");
}

void Session::note_drift(const persona::UserFacts& facts, const persona::Assignment& assignment) {
  const persona::Assigner& assigner = *kit_.assigner;
  const bool has_news = !new_messages_.empty();
  if (facts.context.empty()) {
    change_ = assigner.note_drift(assignment, facts, has_news, state_);
    return;
  }
  persona::UserFacts lasting = facts;
  lasting.context.clear();
  change_ = assigner.note_drift(assigner.assign(lasting, state_), lasting, has_news, state_);
}

Status Session::take_named_adapters() {
  answer_.adapters = *request_.adapters;
  if (answer_.adapters.empty()) {
    plan(kTechniqueAdapter, false, "the request asks for none");
    return {};
  }
  KITH_ASSIGN_OR_RETURN(held_adapters_, kit_.services.generator.hold_adapters(answer_.adapters));
  adapters_ = answer_.adapters;
  const auto heaviest = std::max_element(
      answer_.adapters.begin(), answer_.adapters.end(),
      [](const auto& a, const auto& b) { return std::abs(a.weight) < std::abs(b.weight); });
  answer_.adapter = heaviest->id;
  if (answer_.adapter.str() == request_.model) answer_.model = request_.model;
  answer_.adapter_version =
      held_version(kit_.services.versions, held_adapters_.get(), answer_.adapters);
  plan(kTechniqueAdapter, true,
       answer_.adapters.size() > 1 ? "a blend named by the request" : "named by the request");
  return {};
}

// Nobody asked for them by name: without them the base model answers.
bool Session::take_adapters(std::vector<AdapterShare> adapters) {
  const Generator& generator = kit_.services.generator;
  const AdapterId asked = adapters.front().id;
  auto held = hold_version(generator, kit_.services.versions, request_.scope, std::move(adapters));
  if (!held) {
    // A model without any adapters is no failure of each of its answers.
    const bool is_usual =
        held.error().code == ErrorCode::kNotFound && generator.adapter_names().empty();
    if (!is_usual) degrade(kTechniqueAdapter, held.error());
    plan(kTechniqueAdapter, false, held.error().message);
    return false;
  }
  held_adapters_ = std::move(held->held);
  adapters_ = std::move(held->shares);
  if (answer_.adapter.empty()) {
    answer_.adapter = asked;
    answer_.adapter_version = held->version;
  }
  for (const AdapterShare& share : adapters_) {
    const auto is_same = [&share](const AdapterShare& other) { return other.id == share.id; };
    if (std::none_of(answer_.adapters.begin(), answer_.adapters.end(), is_same)) {
      answer_.adapters.push_back(share);
    }
  }
  return true;
}

void Session::take_personas_adapter() {
  if (take_adapters(only_adapter(persona_->adapter))) {
    plan(kTechniqueAdapter, true, "the persona's own");
  }
}

Status Session::choose_adapter() {
  if (request_.adapters) return take_named_adapters();
  if (answer_.route) {
    take_routed_adapters();
  } else if (persona_ == nullptr) {
    plan(kTechniqueAdapter, false, "no persona");
  } else if (!wants(kTechniqueAdapter)) {
    return {};
  } else if (!capabilities_.has_adapters) {
    plan(kTechniqueAdapter, false, "the generator has no adapters");
  } else {
    take_personas_adapter();
  }
  return {};
}

void Session::start_search() {
  if (is_switched_off(kTechniqueKnowledge)) return;
  query_ = make_query(messages_, asked_);
  memory::SearchRequest search;
  search.query = query_;
  search.access = request_.access;
  search.access.insert(search.access.end(), entitlement_.groups.begin(), entitlement_.groups.end());
  if (request_.style.language != "user") search.lang = request_.style.language;
  search.k = static_cast<std::size_t>(kit_.options.max_passages);
  search_ = kit_.runner.start(timed<std::vector<memory::Passage>>(
      [&kit = kit_, scope = request_.scope.tenant_scope(), search = std::move(search)] {
        return kit.knowledge.search(scope, search);
      }));
}

void Session::retrieve() {
  if (!wants(kTechniqueKnowledge)) return;
  auto found = finish_step<std::vector<memory::Passage>>(
      "knowledge", kit_.options.budgets.knowledge, std::move(search_));
  if (!found) return plan(kTechniqueKnowledge, false, "the search failed");
  auto& passages = *found;
  if (passages.empty()) return plan(kTechniqueKnowledge, false, "no document matches");
  extract_ = memory::extract_answer(query_, passages);
  if (!is_close(query_, passages, extract_, kit_.options.min_passage_coverage)) {
    note_missing_documents();
    return plan(kTechniqueKnowledge, false, "no document is close enough");
  }
  passages_ = std::move(passages);
  meet_needs();
}

void Session::recall() {
  if (!user_.personalizes) return plan(kTechniqueHistory, false, why_plain_);
  if (!wants(kTechniqueHistory)) return;
  auto lines = finish_step<std::vector<std::string>>("history", kit_.options.budgets.history,
                                                     std::move(reading_.exchanges));
  const bool is_read = lines.has_value();
  if (is_read) history_lines_ = *std::move(lines);
  if (history_lines_.empty()) {
    plan(kTechniqueHistory, false, is_read ? "no earlier exchange on the topic" : "it failed");
  }
}

void Session::compose_prompt() {
  const bool has_card = persona_ != nullptr && wants(kTechniqueStyle);
  const StyleWish style = merge_style(has_card ? persona_ : nullptr, request_.style);
  if (part_ == 0) answer_.style_asked = style;
  layout_ = layout_of(style);
  Ingredients ingredients;
  ingredients.default_system = kit_.options.default_system;
  ingredients.style = render_style(style);
  ingredients.history = history_lines_;
  ingredients.passages = passages_;
  ingredients.query = query_;
  ingredients.extract = extract_;
  ingredients.min_evidence_coverage = kit_.options.min_evidence_coverage;
  ingredients.names_evidence =
      capabilities_.is_own_engine ? kit_.options.own_evidence : kit_.options.upstream_evidence;
  const int soft_rows = (request_.soft_prompt == nullptr ? 0 : request_.soft_prompt->rows()) +
                        (memory_ == nullptr ? 0 : memory_->prompt_rows());
  const auto context =
      static_cast<std::size_t>(std::max(capabilities_.context_tokens - soft_rows, 0));
  const auto share = [context](double part) {
    return static_cast<std::size_t>(part * static_cast<double>(context));
  };
  PromptLimits limits;
  limits.context = context;
  limits.answer = std::min(
      static_cast<std::size_t>(max_tokens_.value_or(kit_.options.answer_tokens)), context / 2);
  limits.passages = share(kit_.options.passages_share);
  limits.history = share(kit_.options.history_share);
  prompt_ = compose(messages_, ingredients, limits, kit_.counter);

  if (has_card) {
    plan(kTechniqueStyle, prompt_.has_style,
         prompt_.has_style ? "the persona's card" : "no room in the context", prompt_.style_tokens);
  }
  if (!history_lines_.empty()) {
    plan(kTechniqueHistory, !prompt_.history.empty(),
         prompt_.history.empty() ? "no room in the context" : "the same topic before",
         prompt_.history_tokens);
  }
  if (!passages_.empty()) {
    plan(kTechniqueKnowledge, !prompt_.passages.empty(),
         prompt_.passages.empty() ? "no room in the context" : "documents match",
         prompt_.passage_tokens + prompt_.evidence_tokens);
  }
  report_passages();
}

void Session::report_passages() {
  for (const memory::Passage& passage : prompt_.passages) {
    answer_.passages.push_back(
        {passage.id, passage_title(passage), passage.start, passage.end, passage.text});
  }
  if (prompt_.passages.empty() || is_passed_through() || !may_quote()) return;
  const auto asked = request_.plan.find(kTechniqueCandidates);
  const bool competes = asked != request_.plan.end()  ? asked->second
                        : capabilities_.is_own_engine ? kit_.options.own_extractive
                                                      : kit_.options.upstream_extractive;
  if (!competes || !prompt_.evidence) return;
  std::string quotes = render_quotes(*prompt_.evidence, prompt_.passages, layout_);
  if (keeps_limits(quotes)) {
    extractive_text_ = std::move(quotes);
  } else {
    is_extract_dropped_ = true;
  }
}

bool Session::may_quote() const {
  // Quotes have no format of their own: they would not be valid answers. And no model drew them:
  // they have no log-probabilities and follow no bias.
  return request_.format.is_text() && !request_.sampling.wants_logprobs &&
         request_.sampling.logit_bias.empty();
}

bool Session::keeps_limits(const std::string& quotes) const {
  const auto& stops = request_.stop;
  const bool has_stop = std::any_of(stops.begin(), stops.end(), [&](const std::string& stop) {
    return quotes.find(stop) != std::string::npos;
  });
  if (has_stop) return false;
  if (!max_tokens_) return true;
  return kit_.services.generator.count_tokens(quotes) <= static_cast<std::size_t>(*max_tokens_);
}

}  // namespace kith::personalize
