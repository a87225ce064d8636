// A router on disk: DIR/router.json with what was calibrated, DIR/classifier (ADR 16) with the
// classifier that it was calibrated on and, where topics are known, DIR/topics with the classifier
// of these. The format: docs/formats/router.md.
#pragma once

#include <filesystem>
#include <memory>

#include "kith/base/result.h"
#include "kith/persona/router.h"
#include "kith/persona/router_card.h"
#include "kith/persona/text_classifier.h"

namespace kith::persona {

// The classifier as a scorer of segments.
std::shared_ptr<const SegmentScorer> make_scorer(TextClassifier classifier);

// Errors: kNotFound without the files; kInvalidArgument for a damaged one; kConflict if `encoder`
// or
//   the classifier is not the one of the calibration: the message says to recalibrate.
Result<Router> load_router(const std::filesystem::path& dir,
                           std::shared_ptr<const TextEncoder> encoder);
// The directory appears whole, in the place of an earlier router if there is one.
//   topics: may be null
// Errors: kConflict if something else stands at `dir`; kUnavailable.
Status save_router(const std::filesystem::path& dir, const RouterCard& card,
                   const TextClassifier& classifier, const TextClassifier* topics = nullptr);

}  // namespace kith::persona
