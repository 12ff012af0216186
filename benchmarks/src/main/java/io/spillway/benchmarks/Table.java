package io.spillway.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Rows under named columns, as Markdown for a page and as CSV for a program. */
final class Table {

  private final List<String> columns;
  private final List<List<String>> rows = new ArrayList<>();

  Table(String... columns) {
    this.columns = List.of(columns);
  }

  /** One cell a column. */
  void add(String... cells) {
    if (cells.length != columns.size()) {
      throw new IllegalArgumentException(
          "expected %d cells, found %d: %s"
              .formatted(columns.size(), cells.length, List.of(cells)));
    }
    rows.add(List.of(cells));
  }

  void printMarkdown(PrintStream out) {
    out.println();
    out.println(markdownLine(columns));
    out.println("|" + "---|".repeat(columns.size()));
    rows.forEach(row -> out.println(markdownLine(row)));
  }

  private static String markdownLine(List<String> cells) {
    return "| " + String.join(" | ", cells) + " |";
  }

  void writeCsv(Path file) throws IOException {
    List<String> lines = new ArrayList<>();
    lines.add(csvLine(columns));
    rows.forEach(row -> lines.add(csvLine(row)));
    Files.write(file, lines);
  }

  private static String csvLine(List<String> cells) {
    return String.join(",", cells.stream().map(Table::csvCell).toList());
  }

  private static String csvCell(String cell) {
    boolean plain = cell.chars().noneMatch(c -> c == ',' || c == '"' || c == '\n');
    return plain ? cell : '"' + cell.replace("\"", "\"\"") + '"';
  }
}
