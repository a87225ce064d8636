// Generation, the choice among candidates, and what is kept of it.
#include <algorithm>

#include "kith/persona/denied_words.h"
#include "kith/personalize/decision_document.h"
#include "kith/personalize/logprob_pieces.h"
#include "kith/personalize/session.h"
#include "kith/personalize/style.h"
#include "kith/storage/digest.h"
#include "kith/text/language.h"
#include "kith/text/unicode.h"
#include "kith/text/utf8.h"

namespace kith::personalize {
namespace {

// Where the words of `text` end, with what separates them from the next; at least one end.
std::vector<std::size_t> word_ends(std::string_view text) {
  std::vector<std::size_t> ends;
  text::for_each_code_point(text, [&](char32_t c, std::size_t offset, std::size_t length) {
    if (text::is_whitespace(c) || text::is_han(c)) ends.push_back(offset + length);
  });
  if (ends.empty() || ends.back() < text.size()) ends.push_back(text.size());
  return ends;
}

}  // namespace

// Hands the generator's deltas straight on.
class Session::DirectSink final : public DeltaSink {
 public:
  explicit DirectSink(Session& session) : session_(session) {}
  void on_delta(const TextDelta& delta) override {
    session_.start_sink();
    if (!delta.text.empty()) session_.send_separator(delta.sample);
    session_.sink_->on_delta({delta.sample, delta.text, delta.raw, delta.logprobs});
  }

 private:
  Session& session_;
};

void Session::start_sink() {
  // Only now: a request that is refused before its first word gets an error instead of a stream.
  if (!has_started_sink_ && sink_ != nullptr) sink_->on_start(answer_);
  has_started_sink_ = true;
}

int Session::count_drafts() const {
  const int usual =
      capabilities_.is_own_engine ? kit_.options.own_drafts : kit_.options.upstream_drafts;
  if (is_passed_through()) return request_.num_choices;
  const auto asked = request_.plan.find(kTechniqueCandidates);
  if (asked != request_.plan.end() && !asked->second) return request_.num_choices;
  // A client that asks for greedy words wants the same ones every time.
  const bool is_greedy = request_.sampling.temperature == 0.0 && !request_.sampling.seed;
  const int drafts = request_.num_drafts.value_or(is_greedy ? 1 : usual);
  return std::max(drafts, request_.num_choices);
}

GenerationRequest Session::make_generation(int num_drafts) const {
  GenerationRequest generation;
  generation.messages = prompt_.messages;
  generation.adapters = adapters_;
  generation.held_adapters = held_adapters_;
  generation.soft_prompt = request_.soft_prompt;
  generation.memory = memory_;
  generation.tenant = request_.scope.tenant;
  generation.queue_class = answer_.queue_class;
  generation.max_tokens = max_tokens_;
  generation.stop = request_.stop;
  generation.format = request_.format;
  generation.model = request_.model;
  generation.extra = request_.extra;
  const std::uint64_t seed = request_.sampling.seed.value_or(ids_.seed);
  for (int i = 0; i < num_drafts; ++i) {
    SamplingParams sampling = request_.sampling;
    const bool is_plain = !sampling.temperature && !is_passed_through();
    if (is_plain && i == 0 && capabilities_.is_own_engine) sampling.temperature = 0.0;
    if (i > 0 && !is_passed_through() && sampling.temperature.value_or(0.0) == 0.0) {
      sampling.temperature = kit_.options.draft_temperature;
    }
    // An upstream that was given no seed keeps its own randomness, unless drafts must differ.
    if (capabilities_.is_own_engine || i > 0 || sampling.seed) {
      sampling.seed = seed + static_cast<std::uint64_t>(i);
    }
    generation.samples.push_back(std::move(sampling));
  }
  return generation;
}

Result<std::vector<GeneratedText>> Session::generate(bool is_direct) {
  const GenerationRequest generation = make_generation(count_drafts());
  DirectSink direct(*this);
  DeltaSink* sink = is_direct && sink_ != nullptr ? &direct : nullptr;
  const double start = now_ms();
  auto drafts = kit_.services.generator.generate(generation, sink, cancel_);
  answer_.timings.generate_ms += now_ms() - start;
  if (!drafts) return drafts;
  if (drafts->size() != generation.samples.size()) {
    return Error{ErrorCode::kInternal, "the generator returned another number of answers"};
  }
  int prompt_tokens = 0;
  int cached_tokens = 0;
  for (const GeneratedText& draft : *drafts) {
    prompt_tokens = std::max(prompt_tokens, draft.prompt_tokens);
    cached_tokens = std::max(cached_tokens, draft.cached_tokens);
    answer_.generated_tokens += draft.completion_tokens;
    if (draft.timings.decode_ms >= answer_.timings.generator.decode_ms) {
      answer_.timings.generator = draft.timings;
    }
  }
  answer_.prompt_tokens += prompt_tokens;
  answer_.cached_tokens += cached_tokens;
  return drafts;
}

void Session::score_extractive() {
  Candidate candidate;
  candidate.source = kSourceExtractive;
  candidate.text = extractive_text_;
  candidate.num_tokens = static_cast<int>(kit_.services.generator.count_tokens(extractive_text_));
  if (capabilities_.has_scores) {
    auto& generator = kit_.services.generator;
    const auto scores = step_on<std::vector<double>>(
        kit_.score_runner, "score", kit_.options.budgets.score,
        [&generator, request = ScoreRequest{.messages = prompt_.messages,
                                            .adapters = adapters_,
                                            .held_adapters = held_adapters_,
                                            .soft_prompt = request_.soft_prompt,
                                            .memory = memory_,
                                            .tenant = request_.scope.tenant,
                                            .queue_class = answer_.queue_class,
                                            .continuations = {extractive_text_},
                                            .cancel = cancel_}] {
          return generator.score(request);
        });
    if (scores && scores->size() == 1) candidate.mean_logprob = scores->front();
  }
  candidates_.push_back(std::move(candidate));
}

void Session::build_candidates(std::vector<GeneratedText> drafts) {
  for (GeneratedText& draft : drafts) {
    Candidate candidate;
    candidate.source = kSourceDraft;
    candidate.text = std::move(draft.text);
    candidate.finish_reason = std::move(draft.finish_reason);
    candidate.logprobs = std::move(draft.logprobs);
    candidate.token_begins = std::move(draft.token_begins);
    candidate.raw = std::move(draft.raw);
    candidate.mean_logprob = draft.mean_logprob;
    candidate.num_tokens = draft.completion_tokens;
    candidates_.push_back(std::move(candidate));
  }
  if (has_extractive()) score_extractive();
}

RankContext Session::rank_context() const {
  RankContext context;
  context.question = asked_;
  const std::string& wanted = answer_.style_asked.language;
  const text::Language asked = text::detect_language(asked_);
  context.language = !wanted.empty() && wanted != "user" ? wanted
                     : asked.is_reliable                 ? asked.code
                                                         : "";
  for (const memory::Passage& passage : prompt_.passages) {
    context.sources.add(passage_title(passage));
    context.sources.add(passage.text);
  }
  for (const Message& message : request_.messages) context.sources.add(message.content);
  for (const std::string& line : prompt_.history) context.sources.add(line);
  context.has_passages = !prompt_.passages.empty();
  context.extractive = extractive_text_;
  context.needed = needed_text_;
  return context;
}

void Session::choose(bool keeps_order) {
  const RankContext context = rank_context();
  order_ = rank(candidates_, context, kit_.options.ne);
  // What has been streamed already stays where it is.
  if (keeps_order) std::sort(order_.begin(), order_.end());
  order_.resize(std::min(order_.size(), static_cast<std::size_t>(request_.num_choices)));

  for (const std::size_t index : order_) {
    const Candidate& chosen = candidates_[index];
    chosen_.push_back({chosen.text, chosen.finish_reason, chosen.source, chosen.logprobs,
                       chosen.token_begins, chosen.raw});
    answer_.completion_tokens += chosen.num_tokens;
  }
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    const Candidate& candidate = candidates_[i];
    answer_.candidates.push_back({part_, candidate.source, candidate.ne, candidate.mean_logprob,
                                  candidate.grounding, candidate.is_grounded, i == order_.front(),
                                  storage::digest({candidate.text}), make_excerpt(candidate.text)});
  }
  if (context.has_passages && !candidates_[order_.front()].is_grounded) is_weakly_grounded_ = true;
  std::string reason = candidates_.size() > 1 ? "chosen by likelihood and grounding" : "one draft";
  if (!request_.format.is_text()) {
    reason += "; extracts do not have the format asked for";
  } else if (!may_quote()) {
    reason += "; extracts have neither log-probabilities nor biases";
  } else if (is_extract_dropped_) {
    reason += "; the extract does not keep the limits asked for";
  }
  plan(kTechniqueCandidates, candidates_.size() > 1, std::move(reason));
}

void Session::send_chosen() {
  if (sink_ == nullptr) return;
  start_sink();
  for (std::size_t i = 0; i < chosen_.size(); ++i) {
    const Choice& choice = chosen_[i];
    const std::string_view text = choice.text;
    if (!text.empty()) send_separator(static_cast<int>(i));
    const auto ends = word_ends(text);
    const auto logprobs = split_logprobs(choice.logprobs, choice.token_begins, ends);
    std::size_t begin = 0;
    for (std::size_t piece = 0; piece < ends.size(); ++piece) {
      const std::size_t end = ends[piece];
      if (end > begin || !logprobs[piece].empty()) {
        sink_->on_delta({.choice = static_cast<int>(i),
                         .text = text.substr(begin, end - begin),
                         .logprobs = logprobs[piece]});
      }
      begin = end;
    }
    if (!choice.raw.empty()) sink_->on_delta({.choice = static_cast<int>(i), .raw = choice.raw});
  }
}

void Session::finish_storing() {
  if (storing_ == nullptr) return;
  const auto stored = kit_.runner.wait<storage::HistoryPlace>(kit_.options.budgets.conversation,
                                                              std::move(storing_));
  if (!stored) degrade("conversation", stored.error());
}

// What was learned from may be judged: without consent no words are kept, so none of a shadow's.
void Session::offer_shadow() {
  if (kit_.shadow == nullptr || !learns_ || answer_.parts.size() > 1 || adapters_.size() != 1) {
    return;
  }
  const AdapterId loaded =
      kit_.services.versions->find_shadow(request_.scope, answer_.adapter, answer_.decision);
  if (loaded.empty()) return;
  const auto draft =
      std::find_if(candidates_.begin(), candidates_.end(),
                   [](const auto& candidate) { return candidate.source == kSourceDraft; });
  if (draft == candidates_.end()) return;
  RankContext context = rank_context();
  ShadowOrder order{.scope = request_.scope,
                    .decision = answer_.decision,
                    .loaded = loaded,
                    .request = make_generation(1),
                    .served = {},
                    .served_version = answer_.adapter_version,
                    .yardstick = {.sources = std::move(context.sources),
                                  .has_passages = context.has_passages,
                                  .style = answer_.style_asked,
                                  .language = std::move(context.language)},
                    .visit = visit_};
  order.served.text = draft->text;
  order.served.finish_reason = draft->finish_reason;
  kit_.shadow->offer(std::move(order));
}

void Session::learn_behaviour(persona::AssignmentState& state) const {
  std::vector<persona::BehaviourEvent> events = {
      {persona::kBehaviourHour, persona::hour_item(answer_.created_at)}};
  const auto device = request_.context.find("device");
  if (device != request_.context.end()) {
    events.push_back({persona::kBehaviourDevice, device->second});
  }
  // A title on the deny list would tell through the id.
  if (!answer_.passages.empty() && !persona::holds_denied_word(answer_.passages.front().title)) {
    events.push_back({persona::kBehaviourCited, answer_.passages.front().id.str()});
  }
  for (const auto& event : events) kit_.assigner->observe(event, answer_.created_at, state);
}

bool Session::record() {
  if (!is_named_ || !request_.stores) return false;
  finish_storing();
  AnswerRecord record;
  record.scope = request_.scope;
  record.conversation = answer_.conversation;
  record.new_id = ids_.fork;
  if (learns_) {
    record.turns = to_turns(request_.messages, answer_.created_at);
    storage::NewTurn turn;
    turn.role = "assistant";
    turn.text = answer_.choices.front().text;
    turn.at = kit_.services.clock.now();
    turn.decision = answer_.decision;
    turn.completion = answer_.completion;
    record.turns.push_back(std::move(turn));
  }
  record.decision = to_decision_row(answer_, learns_);
  if (learned_) {
    learn_behaviour(*learned_);
    const persona::Assignment assignment{answer_.personas, *answer_.abstain, answer_.evidence,
                                         answer_.assigned};
    record.persona = kit_.assigner->to_row(assignment, *learned_, answer_.created_at);
    if (change_) record.event = persona::to_event(*change_);
  }
  const auto failed = step<std::vector<Degradation>>(
      "record", kit_.options.budgets.record,
      [&kit = kit_, visit = visit_, record = std::move(record)] {
        return kit.gate.write(*visit, record.scope, [&]() -> Result<std::vector<Degradation>> {
          return write_record(kit.services.stores, record);
        });
      });
  if (!failed) return false;
  for (const Degradation& part : *failed) {
    degrade(part.step, Error{ErrorCode::kUnavailable, part.reason});
  }
  return failed->empty();
}

Status Session::answer_part() {
  // With one draft and nothing to compare it with, its words go out as they come.
  const bool is_direct = !has_extractive() && (is_passed_through() || count_drafts() == 1);
  KITH_ASSIGN_OR_RETURN(auto drafts, generate(is_direct));
  build_candidates(std::move(drafts));
  choose(is_direct || is_passed_through());
  if (!is_direct) send_chosen();
  end_part();
  return {};
}

Result<ChatAnswer> Session::run() {
  const double start = now_ms();
  start_reading();
  score_prompt();
  identify();
  start_search();
  start_embedding();
  recall_state();
  place_turns();
  assign_persona();
  route_prompt();
  KITH_RETURN_IF_ERROR(choose_adapter());
  retrieve();
  recall();
  embed();
  compose_prompt();
  answer_.timings.personalize_ms = now_ms() - start;

  start_storing();
  KITH_RETURN_IF_ERROR(answer_part());
  for (std::size_t next = 1; next < answer_.parts.size(); ++next) {
    begin_part(next);
    take_routed_adapters();
    retrieve();
    compose_prompt();
    KITH_RETURN_IF_ERROR(answer_part());
  }
  escalate();
  answer_.style_measured = measure_style(answer_.choices.front().text);
  start_sink();

  const double recorded = now_ms();
  if (record()) offer_shadow();
  answer_.timings.record_ms = now_ms() - recorded;
  answer_.timings.total_ms = now_ms() - start;
  kit_.services.metrics.on_answer(answer_.persona.empty() ? "none" : answer_.persona.str(),
                                  answer_.choices.front().source,
                                  {.prompt = answer_.prompt_tokens,
                                   .completion = answer_.completion_tokens,
                                   .generated = answer_.generated_tokens});
  return std::move(answer_);
}

}  // namespace kith::personalize
