package io.spillway.main;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.config.InvalidSettingException;
import io.spillway.failure.Explanation;
import io.spillway.wal.WalException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ServeOptionsTest {

  @Test
  void takesBothSpellingsOfAnOption() {
    ServeOptions options =
        ServeOptions.parse(List.of("--set", "a=b=c", "--config=x y.properties", "--set=d=e"));

    assertThat(options.configFile()).isEqualTo(Optional.of(Path.of("x y.properties")));
    assertThat(options.overrides()).containsExactly("a=b=c", "d=e");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --sat a=b                 | unknown option --sat: serve takes --config FILE and --set NAME=VALUE
          file.properties           | unknown option file.properties
          --set                     | --set needs NAME=VALUE after it
          --config                  | --config needs a file after it
          --config a --config b     | --config is given twice: one file only
          """)
  void refusesWhatItDoesNotKnow(String line, String message) {
    assertThatThrownBy(() -> ServeOptions.parse(List.of(line.split(" "))))
        .isInstanceOf(InvalidSettingException.class)
        .hasMessageStartingWith(message);
  }

  @Test
  void explainsFailuresInOneLineWithTheirExitCode() {
    Throwable refused = new InvalidSettingException("x", "bad\n  x");
    assertThat(Explanation.of(new IllegalStateException(refused)))
        .contains(new Explanation(Explanation.Kind.REFUSED, "bad x"));
    assertThat(StartFailures.exitCode(new WalException.Unavailable("device gone"))).isEqualTo(3);
    assertThat(StartFailures.exitCode(new WalException.Corrupt("segment 3"))).isEqualTo(2);
    assertThat(StartFailures.exitCode(new UncheckedIOException(new IOException()))).isEqualTo(1);
  }
}
