#include <algorithm>

#include "kith/eval/bag_of_words.h"
#include "kith/eval/suites.h"
#include "kith/personalize/composer.h"
#include "kith/personalize/style.h"
#include "kith/text/segment.h"

namespace kith::eval {
namespace {

struct Voice {
  std::size_t question = 0;
  std::size_t persona = 0;
  std::string text;
  // Words without the first and the last sentence.
  std::vector<std::string> words;
  bool has_fact = false;
};

Result<Voice> speak(const DeskData& data, const DeskQuestion& question,
                    const persona::Persona& persona, personalize::Generator& generator,
                    int max_tokens) {
  const DeskArticle& article = data.articles.at(question.article);
  memory::Passage passage;
  passage.title = article.title;
  passage.text = passage_with(article, question.key_fact);
  const std::vector<memory::Passage> passages{passage};
  personalize::GenerationRequest request;
  request.messages = {
      {"system",
       personalize::render_system(kDeskSystem,
                                  personalize::render_style(personalize::merge_style(&persona, {})),
                                  passages, evidence_text(question.question, passages)),
       {}},
      {"user", question.question, {}}};
  request.samples = {{.temperature = 0.0}};
  request.max_tokens = max_tokens;
  request.adapters = personalize::only_adapter(persona.adapter);
  KITH_ASSIGN_OR_RETURN(const auto answers, generator.generate(request, nullptr, {}));
  const std::string& text = answers.front().text;
  return Voice{.text = text,
               .words = text::segment_words(middle_of(text)),
               .has_fact = text.find(question.key_fact) != std::string::npos};
}

// Trains on the questions of one parity and names the personas of the other's answers, both ways.
// An answer of fewer than three sentences has no middle and counts as wrong.
std::vector<bool> classify_all(const std::vector<Voice>& voices, std::size_t num_personas) {
  std::vector<bool> right(voices.size());
  for (const std::size_t held_out : {std::size_t{0}, std::size_t{1}}) {
    BagOfWords classifier(num_personas);
    for (const auto& voice : voices) {
      if (voice.question % 2 != held_out) classifier.add(voice.words, voice.persona);
    }
    for (std::size_t i = 0; i < voices.size(); ++i) {
      if (voices[i].question % 2 != held_out) continue;
      right[i] =
          !voices[i].words.empty() && classifier.classify(voices[i].words) == voices[i].persona;
    }
  }
  return right;
}

}  // namespace

Result<Report> evaluate_voices(const DeskData& data, const persona::PersonaCatalogue& catalogue,
                               personalize::Generator& generator, const VoiceOptions& options,
                               const Progress& progress) {
  const auto questions = draw_test_questions(data, options.max_questions, 11, "en");
  const auto& personas = catalogue.personas();
  if (questions.empty() || personas.empty()) {
    return Error{ErrorCode::kNotFound, "no test questions or no personas"};
  }

  std::vector<Voice> voices;
  for (std::size_t q = 0; q < questions.size(); ++q) {
    for (std::size_t p = 0; p < personas.size(); ++p) {
      KITH_ASSIGN_OR_RETURN(Voice voice,
                            speak(data, *questions[q], personas[p], generator, options.max_tokens));
      voice.question = q;
      voice.persona = p;
      voices.push_back(std::move(voice));
    }
    if (progress) progress(static_cast<double>(q + 1) / static_cast<double>(questions.size()));
  }

  const std::vector<bool> right = classify_all(voices, personas.size());
  // Voices stand in the order of the questions: unit q has the next num_personas of them.
  const auto share_of = [&](const std::vector<std::size_t>& units, const auto& holds) {
    double count = 0.0;
    for (const std::size_t unit : units) {
      for (std::size_t p = 0; p < personas.size(); ++p) {
        count += holds(unit * personas.size() + p) ? 1.0 : 0.0;
      }
    }
    return count / static_cast<double>(units.size() * personas.size());
  };
  Report report{.suite = "voices"};
  report.figures["voice_accuracy"] = bootstrap(questions.size(), [&](const auto& units) {
    return share_of(units, [&](std::size_t i) { return static_cast<bool>(right[i]); });
  });
  report.figures["voice_accuracy"].baselines["chance"] = 1.0 / static_cast<double>(personas.size());
  report.figures["key_fact"] = bootstrap(questions.size(), [&](const auto& units) {
    return share_of(units, [&](std::size_t i) { return voices[i].has_fact; });
  });
  report.figures["key_fact_spread"] = bootstrap(questions.size(), [&](const auto& units) {
    std::vector<double> facts(personas.size(), 0.0);
    for (const std::size_t unit : units) {
      for (std::size_t p = 0; p < personas.size(); ++p) {
        facts[p] += voices[unit * personas.size() + p].has_fact ? 1.0 : 0.0;
      }
    }
    const auto [low, high] = std::minmax_element(facts.begin(), facts.end());
    return (*high - *low) / static_cast<double>(units.size());
  });
  const std::size_t num_samples = std::min(options.num_samples, questions.size());
  for (std::size_t i = 0; i < num_samples * personas.size(); ++i) {
    const DeskQuestion& question = *questions[voices[i].question];
    report.notes.push_back(personas[voices[i].persona].id.str() + ", " + question.question +
                           "\nA " + voices[i].text + "\n  " +
                           (voices[i].has_fact ? "holds: " : "lacks: ") + question.key_fact);
  }
  return report;
}

}  // namespace kith::eval
