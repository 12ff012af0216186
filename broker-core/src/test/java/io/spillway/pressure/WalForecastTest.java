package io.spillway.pressure;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.OptionalLong;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WalForecastTest {

  @ParameterizedTest
  @CsvSource({
    "0, 0 s",
    "119, 119 s",
    "120, 2 min",
    "7199, 119 min",
    "7200, 2 h",
    "86400, 24 h",
    "86401, more than a day",
    "141606635, more than a day"
  })
  void theTimeLeftIsSaidAsAPersonWouldSayIt(long seconds, String words) {
    WalForecast forecast =
        new WalForecast(0.1, WalBound.CAPACITY, 3, 2, true, OptionalLong.of(seconds));
    assertThat(forecast.inWords())
        .contains("10 % full (wal.capacity.bytes) and lasts " + words + " at ");
  }
}
