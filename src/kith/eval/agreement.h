// How far two markers agree.
#pragma once

#include <span>

namespace kith::eval {

// Quadratic weighted kappa (Cohen, 1968): 1 minus the observed over the expected squared distance
// of two lists of whole scores, where "expected" pairs each score of one list with each of the
// other. 1: equal; 0: no better than chance; below 0: worse. 0 if both lists hold one and the same
// score. REQUIRES: equal sizes, not empty.
double quadratic_weighted_kappa(std::span<const int> one, std::span<const int> other);

}  // namespace kith::eval
