// Does the router choose the right persona's model, part by part, for users it never saw?
#pragma once

#include "kith/base/result.h"
#include "kith/eval/desk_data.h"
#include "kith/eval/desk_routing.h"
#include "kith/eval/figures.h"
#include "kith/eval/suites.h"
#include "kith/persona/router.h"
#include "kith/personalize/ports.h"

namespace kith::eval {

// Test users and the test part of examples/service-desk/routing; the router has learned from
// neither. The baseline of each figure, `floor`, is a router trained in the same run on the same
// texts whose classifier is liblinear on hashed words and characters (linear_floor.h).
// - prompt_only: right persona for each message of the test users, nothing known of them
// - with_profile: the same, their attributes known (baseline too: the profile alone)
// - contradicting: prompts whose need is another persona's than the asker's
// - boundary_f1: of two-part prompts, where the parts meet
// - two_part: both the border and both parts' personas right
// - false_splits: test users' messages that are parted; lower is better
// - out_of_scope_auroc; out_of_scope_to_base: strange texts that the base model gets;
//   in_scope_to_base: test users' messages that it gets, lower is better
// - topic_accuracy: test questions of the knowledge base whose section is the likeliest topic; with
//   a router that knows topics only
// - perplexity_cost: of the test users' answers under the routed adapters over that under their own
//   persona's, minus 1; with a generator only
// - route_us_p50, route_us_p99: microseconds to score and route a prompt, one thread
// `generator` may be null. Errors: those of training, scoring and the generator.
Result<Report> evaluate_routing(const DeskRouting& routing, const DeskData& desk,
                                const persona::Router& router, personalize::Generator* generator,
                                const Progress& progress = {});

}  // namespace kith::eval
