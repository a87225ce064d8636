// What the persona's needs ask of the documents: the section that meets one stands in the prompt
// and is quoted first ("works offline": what to do without a signal).
#include <algorithm>

#include "kith/memory/needed_section.h"
#include "kith/personalize/session.h"

namespace kith::personalize {
namespace {

bool is_same_quote(const memory::Quote& a, const memory::Quote& b) {
  return a.passage == b.passage && a.start == b.start && a.end == b.end;
}

std::string text_of(const memory::Quote& quote, const std::vector<memory::Passage>& passages) {
  const memory::Passage& passage = passages[quote.passage];
  return passage.text.substr(quote.start - passage.start, quote.end - quote.start);
}

// A section and the first need of the persona's that it meets.
struct NeededSection {
  memory::Passage passage;
  const persona::Need* need = nullptr;
};

}  // namespace

// The situation is the user's, whatever persona's model answers; that one speaks for who has none.
const persona::Persona* Session::find_own_persona() const {
  if (kit_.assigner == nullptr || answer_.assigned.empty()) return persona_;
  return kit_.assigner->catalogue().find_persona(answer_.assigned);
}

void Session::meet_needs() {
  const persona::Persona* persona = find_own_persona();
  if (persona == nullptr || passages_.empty()) return;
  const auto& needs = persona->needs;
  const bool looks = std::any_of(needs.begin(), needs.end(),
                                 [](const persona::Need& need) { return !need.words.empty(); });
  if (!looks || !wants(kTechniqueNeeds)) return;
  using Found = std::optional<NeededSection>;
  const auto found =
      step<Found>(kTechniqueNeeds, kit_.options.budgets.knowledge,
                  [&stores = kit_.services.stores, scope = request_.scope.tenant_scope(),
                   id = passages_.front().id, &needs]() -> Result<Found> {
                    KITH_ASSIGN_OR_RETURN(const auto document, stores.knowledge().find(scope, id));
                    if (!document) return Found();
                    for (const persona::Need& need : needs) {
                      auto section = memory::find_needed_section(*document, need.words);
                      if (section) return Found({*std::move(section), &need});
                    }
                    return Found();
                  });
  if (!found) return plan(kTechniqueNeeds, false, "it failed");
  if (!*found) return plan(kTechniqueNeeds, false, "no section of the document meets one");
  take_needed((*found)->passage, *(*found)->need);
}

void Session::take_needed(const memory::Passage& section, const persona::Need& need) {
  const auto is_section = [&section](const memory::Passage& passage) {
    return passage.id == section.id && passage.start == section.start;
  };
  auto place = std::find_if(passages_.begin(), passages_.end(), is_section);
  if (place == passages_.end()) {
    const auto most = static_cast<std::size_t>(std::max(kit_.options.max_passages, 1));
    // The best passage stays, whatever the persona needs.
    if (passages_.size() >= most && passages_.size() > 1) passages_.pop_back();
    passages_.push_back(section);
    place = std::prev(passages_.end());
    extract_ = memory::extract_answer(query_, passages_);
  }
  if (!extract_) return;
  auto quotes = memory::quote_needed_section(
      *place, static_cast<std::size_t>(place - passages_.begin()), need.words);
  needed_text_.clear();
  for (const memory::Quote& quote : quotes) needed_text_ += text_of(quote, passages_) + ' ';
  for (const memory::Quote& quote : extract_->quotes) {
    const auto is_same = [&quote](const memory::Quote& other) {
      return is_same_quote(quote, other);
    };
    if (std::none_of(quotes.begin(), quotes.end(), is_same)) quotes.push_back(quote);
  }
  extract_->quotes = std::move(quotes);
  extract_->text.clear();
  for (const memory::Quote& quote : extract_->quotes) {
    if (!extract_->text.empty()) extract_->text += ' ';
    extract_->text += text_of(quote, passages_);
  }
  plan(kTechniqueNeeds, true, need.text + ": " + passage_title(section));
}

}  // namespace kith::personalize
