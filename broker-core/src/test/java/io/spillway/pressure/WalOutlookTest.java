package io.spillway.pressure;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.request.RequestContext;
import io.spillway.runtime.SimulatedThreads;
import io.spillway.stream.CatchUpStats;
import io.spillway.stream.StorageStats;
import io.spillway.wal.WriteAheadLog.WalUsage;
import java.net.InetAddress;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.stream.DoubleStream;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.junit.jupiter.api.Test;

class WalOutlookTest {

  private static final long MIB = 1 << 20;
  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

  private final SimulatedThreads threads = new SimulatedThreads(3, 0);
  private long appendPerSecond;
  private long uploadPerSecond;
  private boolean started;
  private boolean reachable = true;
  private long used;
  private long uploaded;
  private long waitingPerSecond;
  private long waiting;
  private long waitingCapacity;
  private final WalOutlook outlook =
      new WalOutlook(
          this::stats, this::usage, threads.clock(), threads.newScheduler("outlook"), 10_000);

  @Test
  void aLogThatIsKeptUpWithDoesNotFill() {
    appendPerSecond = 20 * MIB;
    uploadPerSecond = 20 * MIB;
    run(60);

    assertThat(outlook.forecast().secondsUntilFull()).isEmpty();
    assertThat(outlook.forecast().appendBytesPerSecond()).isEqualTo(20 * MIB);
    assertThat(outlook.isFull()).isFalse();
  }

  @Test
  void inAnOutageTheLogLastsAsLongAsWhatComesInTakesToFillIt() {
    appendPerSecond = 3 * MIB;
    uploadPerSecond = 3 * MIB;
    run(60);
    reachable = false;
    uploadPerSecond = 0;
    run(1);

    // 960 MiB for clients, 3 of them used in the last second.
    assertThat(outlook.forecast().secondsUntilFull()).isEqualTo(OptionalLong.of(957 / 3));
    assertThat(outlook.forecast().inWords())
        .contains("lasts 5 min at 3.0 MiB/s in, 0.0 MiB/s out", "does not answer");
    run(319);
    assertThat(outlook.isFull()).isTrue();
  }

  @Test
  void uploadsThatAreTooSlowFillItToo() {
    appendPerSecond = 10 * MIB;
    uploadPerSecond = 8 * MIB;
    run(30);

    assertThat(outlook.forecast().secondsUntilFull()).isEqualTo(OptionalLong.of(900 / 2));
  }

  @Test
  void inTheBucketTheMemoryOfWhatWaitsForItIsMetLongBeforeTheCapacity() {
    waitingCapacity = 64 * MIB;
    appendPerSecond = 5 * MIB;
    uploadPerSecond = 5 * MIB;
    run(20);
    assertThat(outlook.forecast().bound()).isEqualTo(WalBound.CAPACITY);

    reachable = false;
    appendPerSecond = 0; // nothing becomes durable
    uploadPerSecond = 0;
    waitingPerSecond = 5 * MIB;
    run(6);
    assertThat(outlook.forecast().bound()).isEqualTo(WalBound.BUFFER);
    // Half a second ago 27.5 MiB waited of 60 for clients, all of them come within ten seconds.
    assertThat(outlook.forecast().fill()).isEqualTo(27.5 / 60);
    assertThat(outlook.forecast().secondsUntilFull()).isEqualTo(OptionalLong.of(11));
    assertThat(outlook.isFull()).isFalse();
    run(7);
    assertThat(outlook.isFull()).isTrue();
    assertThat(outlook.forecast().inWords())
        .contains("100 % full (wal.buffer.bytes) and lasts 0 s", "does not answer");
    assertThat(new WalThrottle(this::usage).onRequest(request(ApiKeys.PRODUCE), 1 << 20))
        .as("as at a full log")
        .isEqualTo(WalThrottle.MAX_PAUSE_NANOS);

    waitingPerSecond = -60 * MIB;
    reachable = true;
    run(2);
    assertThat(outlook.isFull()).isFalse();
    assertThat(outlook.forecast().inWords()).contains("does not fill");
  }

  @Test
  void producersPayMoreTheFullerTheLogIsAndSmallRequestsTheirShare() {
    double[] fills = {0.5, 0.7, 0.75, 0.8, 0.9, 0.95, 1};
    List<Long> pauses =
        DoubleStream.of(fills).mapToObj(fill -> pause(fill, ApiKeys.PRODUCE, 1 << 20)).toList();

    assertThat(pauses).isSorted().startsWith(0L, 0L).endsWith(WalThrottle.MAX_PAUSE_NANOS);
    assertThat(pauses.subList(1, pauses.size())).doesNotHaveDuplicates();
    assertThat(pause(0.9, ApiKeys.PRODUCE, 8 * 1024))
        .isBetween(pauses.get(4) / 40, pauses.get(4) / 20);
    assertThat(pause(1, ApiKeys.OFFSET_COMMIT, 1 << 20)).isZero();
  }

  private static long pause(double fill, ApiKeys api, int bytes) {
    WalUsage usage = new WalUsage(1024 * MIB, Math.round(960 * MIB * fill), 0, 0, 0);
    return new WalThrottle(() -> usage).onRequest(request(api), bytes);
  }

  private static RequestContext request(ApiKeys api) {
    return new RequestContext(
        KafkaPrincipal.ANONYMOUS,
        "PLAINTEXT",
        "c",
        "",
        InetAddress.getLoopbackAddress(),
        "1",
        api,
        (short) 9,
        1);
  }

  private void run(int seconds) {
    if (!started) {
      started = true;
      outlook.start();
    }
    for (int i = 0; i < seconds * 2; i++) {
      threads.runFor(SECOND / 2);
      used += (appendPerSecond - uploadPerSecond) / 2;
      uploaded += uploadPerSecond / 2;
      waiting = Math.max(0, Math.min(waitingCapacity, waiting + waitingPerSecond / 2));
    }
    threads.runFor(1);
  }

  private WalUsage usage() {
    return new WalUsage(1024 * MIB, used, 0, 0, 0, waiting, waitingCapacity);
  }

  private StorageStats stats() {
    return new StorageStats(
        1024 * MIB,
        used,
        0,
        0,
        used,
        0,
        0,
        0,
        Map.of(),
        Map.of(),
        uploaded,
        0,
        0,
        0,
        0,
        0,
        reachable,
        CatchUpStats.NONE,
        new StorageStats.Merges(0, 0, 0, 0, false),
        new StorageStats.Rewrites(0, 0, 0, 0, false));
  }
}
