package io.spillway.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TableTest {

  @TempDir Path directory;

  @Test
  void isMarkdown() {
    Table table = new Table("system", "p99 ms");
    table.add("spillway", "1.50");
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    table.printMarkdown(new PrintStream(out, true, StandardCharsets.UTF_8));
    assertThat(out.toString(StandardCharsets.UTF_8).lines())
        .containsExactly("", "| system | p99 ms |", "|---|---|", "| spillway | 1.50 |");
  }

  @Test
  void quotesInCsvWhatWouldEndACell() throws IOException {
    Table table = new Table("system", "requests");
    table.add("local", "create 1, put \"2\"");
    table.writeCsv(directory.resolve("table.csv"));
    assertThat(Files.readAllLines(directory.resolve("table.csv")))
        .containsExactly("system,requests", "local,\"create 1, put \"\"2\"\"\"");
  }

  @Test
  void refusesARowOfAnotherWidth() {
    Table table = new Table("one", "two");
    assertThatThrownBy(() -> table.add("a")).hasMessageContaining("expected 2 cells, found 1");
  }
}
