// A picture of points in groups, as SVG.
#pragma once

#include <string>
#include <vector>

namespace kith::cli {

struct ScatterPoint {
  double x = 0.0;
  double y = 0.0;
  // Names its colour in the legend; empty: "not assigned".
  std::string group;
  // Shown when the pointer rests on it.
  std::string label;
};

// Groups in the order of their names, those without one last; the largest eight have a colour of
// their own, the rest share grey. Both axes have one scale, so that distances are true.
std::string scatter_svg(const std::string& title, const std::vector<ScatterPoint>& points);

}  // namespace kith::cli
