#include <algorithm>
#include <numeric>

#include "kith/eval/suites.h"
#include "kith/personalize/composer.h"

namespace kith::eval {
namespace {

// What came of one question.
struct Outcome {
  std::string answer;
  std::string answer_with_evidence;
  bool has_fact = false;
  bool has_fact_with_evidence = false;
  bool has_fact_without = false;
  bool ends = false;
  bool repeats = false;
};

Result<personalize::GeneratedText> ask(const DeskQuestion& question,
                                       std::span<const memory::Passage> passages,
                                       const std::string& evidence,
                                       personalize::Generator& generator, int max_tokens) {
  personalize::GenerationRequest request;
  request.messages = {
      {"system", personalize::render_system(kDeskSystem, {}, passages, evidence), {}},
      {"user", question.question, {}}};
  request.samples = {{.temperature = 0.0}};
  request.max_tokens = max_tokens;
  KITH_ASSIGN_OR_RETURN(auto answers, generator.generate(request, nullptr, {}));
  return std::move(answers.front());
}

Result<Outcome> try_question(const DeskData& data, const DeskQuestion& question,
                             personalize::Generator& generator, int max_tokens) {
  const DeskArticle& article = data.articles.at(question.article);
  memory::Passage passage;
  passage.title = article.title;
  passage.text = passage_with(article, question.key_fact);
  const std::vector<memory::Passage> passages{passage};
  KITH_ASSIGN_OR_RETURN(const auto with, ask(question, passages, {}, generator, max_tokens));
  const std::string evidence = evidence_text(question.question, passages);
  KITH_ASSIGN_OR_RETURN(const auto named, ask(question, passages, evidence, generator, max_tokens));
  KITH_ASSIGN_OR_RETURN(const auto without, ask(question, {}, {}, generator, max_tokens));
  return Outcome{.answer = with.text,
                 .answer_with_evidence = named.text,
                 .has_fact = with.text.find(question.key_fact) != std::string::npos,
                 .has_fact_with_evidence = named.text.find(question.key_fact) != std::string::npos,
                 .has_fact_without = without.text.find(question.key_fact) != std::string::npos,
                 .ends = with.finish_reason == "stop",
                 .repeats = repeats_itself(with.text)};
}

double share(const std::vector<Outcome>& outcomes, const std::vector<std::size_t>& units,
             bool (*holds)(const Outcome&)) {
  const auto count = std::count_if(units.begin(), units.end(),
                                   [&](std::size_t unit) { return holds(outcomes[unit]); });
  return static_cast<double>(count) / static_cast<double>(units.size());
}

Figure figure_of(const std::vector<Outcome>& outcomes, bool (*holds)(const Outcome&)) {
  return bootstrap(outcomes.size(),
                   [&](const auto& units) { return share(outcomes, units, holds); });
}

}  // namespace

Result<Report> evaluate_answers(const DeskData& data, personalize::Generator& generator,
                                const AnswerOptions& options, const Progress& progress) {
  const auto questions = draw_test_questions(data, options.max_questions, options.seed);
  if (questions.empty()) return Error{ErrorCode::kNotFound, "the example has no test questions"};

  std::vector<Outcome> outcomes;
  for (const DeskQuestion* question : questions) {
    KITH_ASSIGN_OR_RETURN(Outcome outcome,
                          try_question(data, *question, generator, options.max_tokens));
    outcomes.push_back(std::move(outcome));
    if (progress) {
      progress(static_cast<double>(outcomes.size()) / static_cast<double>(questions.size()));
    }
  }
  Report report{.suite = "answers"};
  report.figures["key_fact"] = figure_of(outcomes, [](const Outcome& o) { return o.has_fact; });
  std::vector<std::size_t> all(outcomes.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  report.figures["key_fact"].baselines["without_passage"] =
      share(outcomes, all, [](const Outcome& o) { return o.has_fact_without; });
  report.figures["key_fact_with_evidence"] =
      figure_of(outcomes, [](const Outcome& o) { return o.has_fact_with_evidence; });
  report.figures["ends_by_itself"] = figure_of(outcomes, [](const Outcome& o) { return o.ends; });
  report.figures["no_repetition"] =
      figure_of(outcomes, [](const Outcome& o) { return !o.repeats; });
  for (std::size_t i = 0; i < std::min(options.num_samples, outcomes.size()); ++i) {
    report.notes.push_back("Q " + questions[i]->question + "\nA " + outcomes[i].answer +
                           "\nA with evidence " + outcomes[i].answer_with_evidence + "\n  " +
                           (outcomes[i].has_fact ? "holds: " : "lacks: ") + questions[i]->key_fact);
  }
  return report;
}

}  // namespace kith::eval
