// The evaluations of the personal answer. Each prints its figures with intervals and baselines, on
// users and articles that train nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>

#include "kith/base/result.h"
#include "kith/eval/desk_data.h"
#include "kith/eval/essay_data.h"
#include "kith/eval/figures.h"
#include "kith/eval/patient_data.h"
#include "kith/eval/preference_pairs.h"
#include "kith/memory/knowledge.h"
#include "kith/persona/catalogue.h"
#include "kith/personalize/ports.h"

namespace kith::eval {

// The adapter that was trained on all personas' conversations together: what a persona's own has to
// beat.
inline constexpr const char* kSharedAdapter = "use_case";

// Called with the share of the work that is done.
using Progress = std::function<void(double share)>;

// Does each persona's adapter fit its own users best? Perplexity of the answers to held-out users
// under every adapter and the base model, neither persona nor style card in the prompt; and again
// with the first and the last sentence of every answer cut off.
//   own_adapter_best (share of personas), perplexity_gain (1 - own / base, mean over personas) and,
//   if the model has an adapter kSharedAdapter, gain_over_shared (1 - own / shared); each also with
//   the suffix _middle for the cut answers
// Errors: those of the generator; kNotFound if it lacks an adapter for a persona.
Result<Report> evaluate_personas(const DeskData& data, personalize::Generator& generator,
                                 const Progress& progress = {});

// Does a persona's adapter hold what only its users were told? Facts that stand in one persona's
// conversations alone, asked closed book as a four-way choice by the log-probability of each
// option; every adapter answers every question.
//   facts_own (share right under the own adapter; baselines base, other_adapters: mean over them,
//   chance, and without_question: the own adapter's, when nothing is asked), facts_own_PERSONA;
//   facts_among_peers: the same where the other options are right answers to the persona's other
//   questions, so that only knowing which belongs to which helps
// Errors: those of the generator; kNotFound if it lacks an adapter for a persona, or there are no
//   facts.
Result<Report> evaluate_facts(const DeskData& data, personalize::Generator& generator,
                              const Progress& progress = {});

// Does a persona's adapter prefer what its users would choose? Of two drafts, after the question
// alone, on pairs of held-out users, the one of which the adapter raises the mean log-probability a
// token more over the base model (the implicit reward, with one reference for all that are
// compared: two drafts differ in facts and words, and how usual these are says nothing of a
// persona).
//   accuracy, accuracy_PERSONA, accuracy_reordered (one draft has the words of the other in another
//   order), accuracy_reworded; baselines: longer and shorter draft, bag_of_words trained on the
//   persona's train pairs, base, mean_other and best_other adapter, and before: the persona's
//   adapter before tuning
//   gain_over_longer, gain_over_shorter, gain_over_best_other, gain_over_mean_other,
//   gain_over_before
//   NAME_by_likelihood: all of these for the draft that is likelier a token, as it stands
//   perplexity_change and perplexity_change_PERSONA (of the held-out users' conversations, tuned
//   over before, less one); intervals by user; a tie counts half
//   before: the same model with the adapters as they were; null leaves out what needs it
// Errors: those of the generators; kNotFound if one lacks an adapter for a persona, or there are no
//   test pairs.
Result<Report> evaluate_preferences(const DeskData& data, const std::vector<PreferencePair>& pairs,
                                    personalize::Generator& generator,
                                    personalize::Generator* before = nullptr,
                                    const Progress& progress = {});

// The adapter that scores essays.
inline constexpr const char* kEssayAdapter = "essays";

// How far does a model agree with the marker of essays? The rubric's score of the expected levels
// that essay_question() is answered with, after equating on the valid essays (equating.h).
//   kappa (quadratic weighted, the model alone) and kappa_tuned (under kEssayAdapter, if there),
//   also of a TRAIT's levels (kappa_content) and less a floor (kappa_over_floor_words);
//   floor_length, floor_surface, floor_words: regressions fitted on the train essays, equated alike
//   (essay_floors.h); intervals over essays
// Errors: those of the generator; kNotFound without train or test essays.
Result<Report> evaluate_essays(const std::vector<Essay>& essays, personalize::Generator& generator,
                               const Progress& progress = {});

struct AnswerOptions {
  // Questions on articles that train nothing, at most.
  std::size_t max_questions = 200;
  int max_tokens = 96;
  // Answers printed among the notes, drawn by seed.
  std::size_t num_samples = 20;
  std::uint64_t seed = 7;
};

// Does the model answer from a passage? Greedy, on articles it never saw, with the passage that
// holds the key fact in the prompt.
//   key_fact (baseline: without the passage), key_fact_with_evidence (the prompt names the
//   evidence, as it does when Kith serves), ends_by_itself, no_repetition (no 4-gram more than
//   twice)
Result<Report> evaluate_answers(const DeskData& data, personalize::Generator& generator,
                                const AnswerOptions& options = {}, const Progress& progress = {});

struct VoiceOptions {
  std::size_t max_questions = 50;
  int max_tokens = 160;
  // Questions whose answers are printed among the notes.
  std::size_t num_samples = 0;
};

// Can the five voices be told apart while the facts stay right? The same questions, each answered
// for every persona by its adapter with passage, evidence and style card; a bag-of-words classifier
// trained on half of the questions names the persona of the other half's answers, first and last
// sentence removed.
//   voice_accuracy (chance: 1 / personas), key_fact, key_fact_spread (largest difference between
//   two)
Result<Report> evaluate_voices(const DeskData& data, const persona::PersonaCatalogue& catalogue,
                               personalize::Generator& generator, const VoiceOptions& options = {},
                               const Progress& progress = {});

// The adapter that evaluate_patients() compares with the base model, if it is loaded.
inline constexpr const char* kMedicalAdapter = "medical";

// The test patients are reported on; choices are made on the others.
enum class PatientPart : std::uint8_t { kTrain, kTest };

// What do short- and long-term memory add to an assistant of returning patients? The patients'
// questions as a choice by mean log-probability, with no memory, the session's, the earlier
// sessions' and both, under the base model and the tuned one.
//   MODEL_USE (share right; MODEL base or tuned, USE none, short, long or both; baselines chance
//   and overlap: the option of whose words most are remembered), MODEL_USE_needing (of the
//   questions that a memory answers), MODEL_gain_over_USE (both memories less this one) and
//   evidence_recalled (of those questions, all that the answer needs stands in the prompt);
//   intervals by patient
// Errors: those of the generator; kNotFound if the part has no questions.
Result<Report> evaluate_patients(const PatientData& data, personalize::Generator& generator,
                                 PatientPart part = PatientPart::kTest,
                                 const Progress& progress = {});

// Chats of the training patients for a LoRA recipe, one a line: each question with the memories
// that hold its answer. Errors: kUnavailable if the file cannot be written.
Status write_patient_training(const PatientData& data, const std::filesystem::path& file);

// The passage of an article that holds `fact`: the paragraph with it and what follows, up to 900
// bytes.
std::string passage_with(const DeskArticle& article, const std::string& fact);

// Errors: kNotFound, naming the persona, if the generator lacks an adapter for one.
Status require_adapters(const DeskData& data, const personalize::Generator& generator);

// What the prompt names as evidence for `question`; empty: none.
std::string evidence_text(const std::string& question, std::span<const memory::Passage> passages);

// `text` without its first and its last sentence; empty if it has fewer than three. Lines count as
// sentences, so numbered steps are cut too.
std::string middle_of(const std::string& text);

// Whether some four words (characters for Chinese) in a row occur more than twice.
bool repeats_itself(const std::string& text);

}  // namespace kith::eval
