// How much of a trained adapter's update may stay: the largest factor in (0, 1] at which nobody but
// the persona is told worse. Interpolation between the weights before and after fine-tuning keeps
// most of what was learned and little of what was forgotten (Wortsman et al., "Robust fine-tuning
// of zero-shot models", CVPR 2022); a LoRA update is so interpolated by a factor of its alpha.
// Why: docs/adr/0024-one-percent-and-planted-secrets.md.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/eval/gate.h"
#include "kith/eval/gate_data.h"

namespace kith::eval {

struct UpdateShareOptions {
  // Tried in this order, so descending; each in (0, 1]. Sixteenths keep the usual alphas whole.
  std::vector<double> shares = {1.0, 0.75, 0.625, 0.5, 0.4375, 0.375, 0.3125, 0.25, 0.1875, 0.125};
  // Change of perplexity on other domains and on each other persona that the upper end of the
  // interval may reach, as the gate asks.
  double limit = 0.01;
  // Margins for the gate, which asks it of other texts: the change itself must not be above
  // `most_worse`, and the limit is kept by the change and so many times the distance from it to the
  // interval's end. With 2 the gate's interval keeps it on other texts nineteen times in twenty:
  // the change there differs by the errors of both sets.
  double most_worse = 0.0;
  double doubts = 2.0;
};

struct TriedShare {
  double share = 1.0;
  // The first set that it was too much for ("off_domain", "other:new_hire"), and by how much; empty
  // if it is not too much.
  std::string too_much_for;
  Figure change;
};

struct UpdateShare {
  // 0: none of the shares is small enough.
  double share = 0.0;
  std::vector<TriedShare> tried;
  // Change of perplexity on the persona's own texts at the whole update and at the chosen share;
  // all zero without such texts.
  Figure own_whole;
  Figure own;
};

// Of `data`, own, others and off_domain are read; they must not be the gate's own, which would then
// judge what it has chosen. Without others and off_domain the whole update stays.
//   on_step: called with the share of the work that is done, at most
// Errors: those of the generator; kInvalidArgument for a share out of range.
Result<UpdateShare> choose_update_share(const GateData& data, const GateAdapters& adapters,
                                        personalize::Generator& generator,
                                        const UpdateShareOptions& options = {},
                                        const std::function<void(double share)>& on_step = {});

}  // namespace kith::eval
