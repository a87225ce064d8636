// What a version in shadow would have done better or worse: its unseen answers beside those that
// the serving version drafted to the same prompts, as both were measured when they were written
// (personalize/shadow_measures.h). Counted anew from the decisions that are still there, so an
// erased user is in no figure.
//
// Of each measure: the mean over users of their own means, and the difference with its percentile
// bootstrap interval over users, in pairs. It tells what can be counted in a text, not whether a
// user would have been helped: docs/formats/adapter-versions.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kith/base/bootstrap.h"
#include "kith/base/json.h"
#include "kith/storage/adapter_version_store.h"

namespace kith::persona {

// Fewer users give means and no verdict.
inline constexpr std::size_t kFewestJudges = 5;
// The newest answers that are judged; the rest is left out.
inline constexpr std::size_t kMostShadowAnswers = 5000;

// Which way a difference is for the better; of some, neither.
enum class Direction : std::uint8_t { kNone, kUp, kDown };

struct ShadowFigure {
  std::string name;
  Direction better = Direction::kNone;
  double shadow = 0.0;
  double served = 0.0;
  base::Interval change = {};  // shadow - served
  std::size_t users = 0;
  std::size_t answers = 0;

  // The interval excludes zero on that side, with users enough to say so.
  bool is_better() const;
  bool is_worse() const;
};

// Words are shown of one tenant's answers alone.
struct ExampleWish {
  std::size_t most = 0;
  TenantId tenant;
};

struct ShadowExample {
  std::string shadow;
  std::string served;
};

struct ShadowJudgement {
  storage::AdapterVersionId id;
  int serving = 0;  // beside which it is judged; 0: the model's own
  std::size_t users = 0;
  std::size_t answers = 0;
  // Answers that stood beside another version, a canary say, or were not measured.
  std::size_t left_out = 0;
  // Share of pairs with the same words, and of content words that both have (Jaccard).
  double same = 0.0;
  double overlap = 0.0;
  std::vector<ShadowFigure> figures = {};
  std::vector<ShadowExample> examples = {};
};

// O(answers log answers + users). Damaged documents are left out.
//   examples: of the newest pairs that differ
ShadowJudgement judge_shadow(const storage::AdapterVersionId& id, int serving,
                             std::span<const storage::ShadowAnswer> answers,
                             const ExampleWish& examples = {});

// {"adapter","version","serving","users","answers","left_out","same","overlap","better":[names],
//  "worse":[names],"figures":[{"name","better","shadow","served","change","low","high","users",
//  "answers"}],"examples":[{"shadow","served"}]}
base::OrderedJson to_json(const ShadowJudgement& judgement);

// The same for people, from its JSON.
std::string shadow_markdown(const base::OrderedJson& judgement);

}  // namespace kith::persona
