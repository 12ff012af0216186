package io.spillway.protocol.frame;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.spillway.protocol.ManualClock;
import io.spillway.protocol.frame.InflightBudget.Account;
import io.spillway.protocol.frame.InflightBudget.Lease;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FrameReceiverTest {

  private static final int MAX_FRAME = 100_000;
  private static final FrameLimits LIMITS =
      new FrameLimits(
          MAX_FRAME, Duration.ofMinutes(5).toNanos(), Duration.ofSeconds(30).toNanos(), 100);

  private final PooledByteBufAllocator allocator =
      new PooledByteBufAllocator(true, 0, 1, 8192, 6, 0, 0, false);
  private final ManualClock clock = new ManualClock();
  private final InflightBudget budget = new InflightBudget(2L * MAX_FRAME, MAX_FRAME);
  private final Account account = budget.open("client");
  private final List<byte[]> frames = new ArrayList<>();
  private final List<FrameFault> faults = new ArrayList<>();
  private final EmbeddedChannel channel = new EmbeddedChannel();
  private final ReadGate gate = new ReadGate(channel.config(), pause -> {});
  private final FrameReceiver receiver =
      new FrameReceiver(allocator, LIMITS, budget, clock, gate, new Recording());

  FrameReceiverTest() {
    channel.pipeline().addLast(receiver);
  }

  private final class Recording implements FrameReceiver.Sink {
    @Override
    public void onFrame(Frame frame) {
      byte[] bytes = new byte[frame.sizeBytes()];
      frame.bytes().get(bytes);
      frames.add(bytes);
      frame.release();
    }

    @Override
    public void onFault(FrameFault fault, String detail) {
      faults.add(fault);
    }

    @Override
    public void onBytes(int count) {}

    @Override
    public Account account() {
      return account;
    }
  }

  @AfterEach
  void nothingIsLeft() {
    channel.finishAndReleaseAll();
    assertThat(allocator.pinnedDirectMemory()).isZero();
    assertThat(budget.snapshot().usedBytes()).isZero();
    assertThat(budget.snapshot().waiting()).isZero();
  }

  private void arrive(byte... bytes) {
    channel.writeInbound(Unpooled.copiedBuffer(bytes));
  }

  private static byte[] framed(byte[] body) {
    return ByteBuffer.allocate(4 + body.length).putInt(body.length).put(body).array();
  }

  @ParameterizedTest
  @ValueSource(longs = {11, 12, 13, 14, 15})
  void cutsFramesHoweverTheBytesArrive(long seed) {
    Random random = new Random(seed);
    List<byte[]> sent = new ArrayList<>();
    ByteArrayOutputStream stream = new ByteArrayOutputStream();
    for (int i = 0; i < 50; i++) {
      byte[] body = new byte[8 + random.nextInt(random.nextBoolean() ? 20 : 3_000)];
      random.nextBytes(body);
      sent.add(body);
      stream.writeBytes(framed(body));
    }
    ByteBuffer all = ByteBuffer.wrap(stream.toByteArray());
    while (all.hasRemaining()) {
      byte[] chunk = new byte[Math.min(all.remaining(), 1 + random.nextInt(700))];
      all.get(chunk);
      arrive(chunk);
    }
    assertThat(frames).as("seed %d", seed).containsExactlyElementsOf(sent);
    assertThat(faults).isEmpty();
    assertThat(receiver.isMidFrame()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, Integer.MIN_VALUE, 0, 7, MAX_FRAME + 1, Integer.MAX_VALUE})
  void refusesAnImpossibleLengthWithoutAllocating(int length) {
    arrive(ByteBuffer.allocate(4).putInt(length).array());
    assertThat(faults).containsExactly(FrameFault.BAD_LENGTH);
    assertThat(allocator.pinnedDirectMemory()).isZero();
    arrive(framed(new byte[10]));
    assertThat(frames).isEmpty();
  }

  @Test
  void reservesTheWholeLengthBeforeItAllocates() {
    Lease rest = budget.reserve(account, MAX_FRAME, () -> {});
    Lease more = budget.reserve(account, MAX_FRAME / 2, () -> {});
    arrive(ByteBuffer.allocate(12).putInt(MAX_FRAME).array());
    assertThat(gate.isPausedBy(ReadPause.BUDGET)).isTrue();
    assertThat(channel.config().isAutoRead()).isFalse();
    assertThat(allocator.pinnedDirectMemory()).as("no body yet").isZero();

    rest.release();
    more.release();
    channel.runPendingTasks();
    assertThat(channel.config().isAutoRead()).isTrue();
    assertThat(budget.snapshot().usedBytes()).isEqualTo(MAX_FRAME);
    arrive(new byte[MAX_FRAME - 8]);
    assertThat(frames).hasSize(1);
  }

  @Test
  void givesBackWhatItWaitsForWhenTheConnectionDies() {
    Lease rest = budget.reserve(account, MAX_FRAME, () -> {});
    Lease more = budget.reserve(account, MAX_FRAME / 2, () -> {});
    arrive(ByteBuffer.allocate(12).putInt(MAX_FRAME).array());
    assertThat(budget.snapshot().waiting()).isEqualTo(1);
    channel.close();
    assertThat(budget.snapshot().waiting()).isZero();
    rest.release();
    more.release();
    channel.runPendingTasks();
    assertThat(budget.snapshot().usedBytes()).isZero();
  }

  @Test
  void aPauseHoldsBackFramesThatHaveArrived() {
    gate.pause(ReadPause.BUFFERED);
    arrive(framed(new byte[10]));
    arrive(framed(new byte[20]));
    assertThat(frames).isEmpty();
    gate.resume(ReadPause.BUFFERED);
    assertThat(frames).hasSize(2);
  }

  @Test
  void keepsOnlySoMuchUnparsedForAPeerThatHasClosed() {
    gate.pause(ReadPause.BUFFERED);
    for (int i = 0; i < 10 && faults.isEmpty(); i++) {
      arrive(new byte[50_000]);
    }
    assertThat(faults).containsExactly(FrameFault.UNREAD_AT_END);
  }

  @Test
  void aFrameThatStopsHalfwayIsGivenUp() {
    arrive(ByteBuffer.allocate(6).putInt(100).array());
    receiver.checkProgress(clock.nanoTime());
    clock.advance(Duration.ofSeconds(31));
    receiver.checkProgress(clock.nanoTime());
    assertThat(faults).containsExactly(FrameFault.STALLED);
  }

  @Test
  void halfALengthPrefixIsHalfAFrame() {
    arrive((byte) 0, (byte) 0);
    receiver.checkProgress(clock.nanoTime());
    clock.advance(Duration.ofSeconds(31));
    receiver.checkProgress(clock.nanoTime());
    assertThat(faults).containsExactly(FrameFault.STALLED);
  }

  @Test
  void aFrameThatTricklesIsGivenUp() {
    arrive(ByteBuffer.allocate(4).putInt(10_000).array());
    receiver.checkProgress(clock.nanoTime());
    for (int i = 0; i < 31 && faults.isEmpty(); i++) {
      arrive((byte) 1);
      clock.advance(Duration.ofSeconds(1));
      receiver.checkProgress(clock.nanoTime());
    }
    assertThat(faults).containsExactly(FrameFault.TOO_SLOW);
  }

  @Test
  void aFrameHasToBeWholeInTimeEvenIfItProgresses() {
    arrive(ByteBuffer.allocate(4).putInt(MAX_FRAME).array());
    for (int i = 0; i < 400 && faults.isEmpty(); i++) {
      receiver.checkProgress(clock.nanoTime());
      arrive(new byte[100]);
      clock.advance(Duration.ofSeconds(1));
    }
    assertThat(faults).containsExactly(FrameFault.TOO_SLOW);
  }

  @Test
  void timeInWhichWeDoNotReadIsNotHeldAgainstTheClient() {
    arrive(ByteBuffer.allocate(4).putInt(1_000).array());
    receiver.checkProgress(clock.nanoTime());
    gate.pause(ReadPause.MUTED);
    for (int i = 0; i < 20; i++) {
      clock.advance(Duration.ofMinutes(1));
      receiver.checkProgress(clock.nanoTime());
    }
    gate.resume(ReadPause.MUTED);
    receiver.checkProgress(clock.nanoTime());
    assertThat(faults).isEmpty();
    arrive(new byte[1_000]);
    assertThat(frames).hasSize(1);
  }
}
