#include <array>
#include <iomanip>
#include <sstream>

#include "kith/base/json.h"
#include "kith/eval/gate.h"

namespace kith::eval {
namespace {

// Checks without which nothing is known about a version.
constexpr std::array<std::string_view, 3> kNeeded = {"own_loss", "off_domain", "flattery_margin"};

base::OrderedJson check_json(const GateCheck& check) {
  base::OrderedJson json{{"name", check.name}, {"verdict", std::string(to_string(check.verdict))}};
  if (check.verdict != Verdict::kSkipped) {
    json["value"] = check.figure.value;
    json["low"] = check.figure.low;
    json["high"] = check.figure.high;
    json["limit"] = check.limit;
    json["units"] = check.units;
    json["baselines"] = base::OrderedJson::object();
    for (const auto& [name, value] : check.figure.baselines) json["baselines"][name] = value;
  }
  json["reason"] = check.reason;
  return json;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPassed:
      return "passed";
    case Verdict::kFailed:
      return "failed";
    case Verdict::kSkipped:
      return "skipped";
  }
  return "";
}

bool GateReport::passed() const {
  for (const std::string_view name : kNeeded) {
    bool is_there = false;
    for (const GateCheck& check : checks) {
      is_there = is_there || (check.name == name && check.verdict != Verdict::kSkipped);
    }
    if (!is_there) return false;
  }
  for (const GateCheck& check : checks) {
    if (check.verdict == Verdict::kFailed) return false;
  }
  return true;
}

std::string to_json(const GateReport& report) {
  base::OrderedJson json{{"passed", report.passed()},
                         {"candidate", report.candidate},
                         {"current", report.current},
                         {"checks", base::OrderedJson::array()}};
  for (const GateCheck& check : report.checks) json["checks"].push_back(check_json(check));
  return base::dump_json(json);
}

std::string to_markdown(const GateReport& report) {
  std::ostringstream text;
  text << std::setprecision(4) << "## Gate of " << report.candidate << " against " << report.current
       << ": " << (report.passed() ? "passed" : "refused")
       << "\n\n| check | verdict | value | 95 % interval | limit | units | reason |\n"
       << "|---|---|---|---|---|---|---|\n";
  for (const GateCheck& check : report.checks) {
    text << "| " << check.name << " | " << to_string(check.verdict) << " | ";
    if (check.verdict == Verdict::kSkipped) {
      text << "- | - | - | - | ";
    } else {
      text << check.figure.value << " | [" << check.figure.low << ", " << check.figure.high
           << "] | " << check.limit << " | " << check.units << " | ";
    }
    text << check.reason << " |\n";
  }
  return text.str();
}

}  // namespace kith::eval
