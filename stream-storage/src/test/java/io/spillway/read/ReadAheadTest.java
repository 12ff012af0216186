package io.spillway.read;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ReadAheadTest {

  private final ReadAhead readAhead = new ReadAhead(100, 1000);

  @Test
  void aReaderThatGoesOnGetsTwiceAsMuchEachTime() {
    assertThat(readAhead.onRead(0, 10, 100)).as("nobody knows yet whether it goes on").isNull();
    ReadAhead.Ask first = requireNonNull(readAhead.onRead(10, 20, 100));
    assertThat(first.fromOffset()).isEqualTo(20);
    assertThat(first.bytes()).isEqualTo(200);
    readAhead.onFetching(first.reader(), 40, 200);
    ReadAhead.Ask second = requireNonNull(readAhead.onRead(20, 30, 100));

    assertThat(second.fromOffset()).as("where the first ended").isEqualTo(40);
    assertThat(second.bytes()).as("a window of 400, 100 of it on their way").isEqualTo(300);
    readAhead.onFetching(second.reader(), 70, 300);
    assertThat(readAhead.onRead(30, 40, 100)).as("300 of 800 left").isNotNull();
  }

  @Test
  void theWindowHasItsBound() {
    long offset = 0;
    long most = 0;
    for (int i = 0; i < 20; i++) {
      ReadAhead.Ask ask = readAhead.onRead(offset, offset + 10, 100);
      offset += 10;
      if (ask != null) {
        most = Math.max(most, ask.bytes());
        readAhead.onFetching(ask.reader(), ask.fromOffset() + ask.bytes() / 10, ask.bytes());
      }
    }
    assertThat(most).isPositive().isLessThanOrEqualTo(1000);
  }

  @Test
  void aJumpEndsIt() {
    readAhead.onRead(0, 10, 100);
    ReadAhead.Ask ask = requireNonNull(readAhead.onRead(10, 20, 100));
    readAhead.onFetching(ask.reader(), 40, 200);

    assertThat(readAhead.onRead(500, 510, 100)).as("a jump").isNull();
    assertThat(readAhead.onRead(900, 910, 100)).as("and another").isNull();
    ReadAhead.Ask after = requireNonNull(readAhead.onRead(910, 920, 100));
    assertThat(after.fromOffset()).isEqualTo(920);
    assertThat(after.bytes()).as("it begins anew").isEqualTo(200);
  }

  @Test
  void readersAreToldApart() {
    readAhead.onRead(0, 10, 100);
    readAhead.onRead(1000, 1010, 100);
    ReadAhead.Ask one = requireNonNull(readAhead.onRead(10, 20, 100));
    ReadAhead.Ask other = requireNonNull(readAhead.onRead(1010, 1020, 100));

    assertThat(one.reader()).isNotSameAs(other.reader());
    assertThat(one.fromOffset()).isEqualTo(20);
    assertThat(other.fromOffset()).isEqualTo(1020);
    for (int i = 0; i < 8; i++) {
      readAhead.onRead(5000L + i * 100L, 5001L + i * 100L, 100);
    }
    assertThat(readAhead.onRead(20, 30, 100)).as("not seen for eight others").isNull();
  }

  @Test
  void oneAskAtATimeAndNoneWhileEnoughIsAhead() {
    readAhead.onRead(0, 10, 100);
    ReadAhead.Ask ask = requireNonNull(readAhead.onRead(10, 20, 100));
    assertThat(readAhead.onRead(20, 30, 100)).as("the first is not answered yet").isNull();
    readAhead.onFetching(ask.reader(), 130, 1000);

    assertThat(readAhead.onRead(30, 40, 100)).as("more than half a window is there").isNull();
  }
}
