#include "kith/cli/scatter_plot.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>

namespace kith::cli {
namespace {

// Colours that people with any colour vision tell apart (Okabe and Ito 2008).
constexpr std::array<const char*, 8> kColours{"#0072b2", "#e69f00", "#009e73", "#cc79a7",
                                              "#d55e00", "#56b4e9", "#b8a800", "#000000"};
constexpr const char* kGrey = "#999999";
constexpr double kSide = 640.0;
constexpr double kMargin = 24.0;
constexpr double kTop = 48.0;
constexpr double kLegend = 210.0;

std::string escape(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '&')
      escaped += "&amp;";
    else if (c == '<')
      escaped += "&lt;";
    else if (c == '>')
      escaped += "&gt;";
    else if (c == '"')
      escaped += "&quot;";
    else
      escaped += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return escaped;
}

std::string number(double value) {
  std::array<char, 32> text{};
  const int size = std::snprintf(text.data(), text.size(), "%.1f", value);
  return {text.data(), static_cast<std::size_t>(std::max(size, 0))};
}

struct Group {
  std::string name;
  std::size_t count = 0;
  const char* colour = kGrey;
};

std::vector<Group> groups_of(const std::vector<ScatterPoint>& points) {
  std::map<std::string, std::size_t> counts;
  for (const ScatterPoint& point : points) ++counts[point.group];
  std::vector<Group> groups;
  for (const auto& [name, count] : counts) groups.push_back({name, count});
  std::vector<Group*> largest;
  for (Group& group : groups) {
    if (!group.name.empty()) largest.push_back(&group);
  }
  std::stable_sort(largest.begin(), largest.end(),
                   [](const Group* a, const Group* b) { return a->count > b->count; });
  if (largest.size() > kColours.size()) largest.resize(kColours.size());
  for (std::size_t i = 0; i < largest.size(); ++i) largest[i]->colour = kColours[i];
  if (!groups.empty() && groups.front().name.empty()) {
    std::rotate(groups.begin(), groups.begin() + 1, groups.end());
  }
  return groups;
}

// From the points' coordinates to the picture's.
struct Frame {
  double low_x = 0.0;
  double low_y = 0.0;
  double scale = 1.0;

  explicit Frame(const std::vector<ScatterPoint>& points) {
    if (points.empty()) return;
    const auto [x0, x1] = std::minmax_element(
        points.begin(), points.end(), [](const auto& a, const auto& b) { return a.x < b.x; });
    const auto [y0, y1] = std::minmax_element(
        points.begin(), points.end(), [](const auto& a, const auto& b) { return a.y < b.y; });
    const double span = std::max({x1->x - x0->x, y1->y - y0->y, 1e-9});
    scale = (kSide - 2.0 * kMargin) / span;
    low_x = (x0->x + x1->x - span) / 2.0;
    low_y = (y0->y + y1->y - span) / 2.0;
  }
  double x(double value) const { return kMargin + (value - low_x) * scale; }
  double y(double value) const { return kTop + kSide - kMargin - (value - low_y) * scale; }
};

std::string legend_of(const std::vector<Group>& groups) {
  std::string svg;
  double at = kTop + kMargin;
  for (const Group& group : groups) {
    svg += "<circle cx=\"" + number(kSide + 12.0) + "\" cy=\"" + number(at - 4.0) +
           "\" r=\"5\" fill=\"" + group.colour + "\"/><text x=\"" + number(kSide + 24.0) +
           "\" y=\"" + number(at) + "\">" +
           escape(group.name.empty() ? "not assigned" : group.name) + " (" +
           std::to_string(group.count) + ")</text>\n";
    at += 20.0;
  }
  return svg;
}

}  // namespace

std::string scatter_svg(const std::string& title, const std::vector<ScatterPoint>& points) {
  const std::vector<Group> groups = groups_of(points);
  std::map<std::string, const char*> colours;
  for (const Group& group : groups) colours[group.name] = group.colour;
  const Frame frame(points);
  const std::string width = number(kSide + kLegend);
  const std::string height = number(kTop + kSide);
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + width + "\" height=\"" +
                    height + "\" viewBox=\"0 0 " + width + " " + height +
                    "\" font-family=\"sans-serif\" font-size=\"13\">\n"
                    "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n<text x=\"" +
                    number(kMargin) + "\" y=\"28\" font-size=\"16\">" + escape(title) + "</text>\n";
  for (const ScatterPoint& point : points) {
    svg += "<circle cx=\"" + number(frame.x(point.x)) + "\" cy=\"" + number(frame.y(point.y)) +
           "\" r=\"4\" fill=\"" + colours[point.group] + "\" fill-opacity=\"0.75\"><title>" +
           escape(point.label) + "</title></circle>\n";
  }
  return svg + legend_of(groups) + "</svg>\n";
}

}  // namespace kith::cli
