#include "kith/cli/print_report.h"

#include <iostream>

namespace kith::cli {

void print_report(const eval::Report& report, const GlobalOptions& options) {
  if (options.json) {
    std::cout << eval::to_json(report) << std::endl;
    return;
  }
  for (const auto& note : report.notes) std::cout << note << "\n";
  for (const auto& [name, figure] : report.figures) {
    std::cout << name << " " << figure.value << " [" << figure.low << ", " << figure.high << "]";
    for (const auto& [baseline, value] : figure.baselines) {
      std::cout << "  " << baseline << " " << value;
    }
    std::cout << "\n";
  }
}

}  // namespace kith::cli
