package io.spillway.protocol.frame;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.util.UncheckedBooleanSupplier;
import io.spillway.runtime.Clock;
import org.jspecify.annotations.Nullable;

/**
 * Cuts a connection's bytes into frames, in place: while a frame's body is outstanding, the
 * transport is handed the frame's own buffer to read into, so that a large batch is never copied.
 *
 * <p>Between frames the transport reads into a small buffer; what it finds of a frame there is
 * copied, at most {@value #SMALL_READ_BYTES} bytes. An idle connection holds no buffer at all. The
 * body's buffer is allocated after the whole length was reserved; until then reading stops.
 *
 * <p>The receiver is both the first handler of the pipeline and its {@code RecvByteBufAllocator}.
 * Bytes that come another way (decrypted ones, for instance) take the copying path. Event loop
 * only.
 */
public final class FrameReceiver extends ChannelInboundHandlerAdapter
    implements RecvByteBufAllocator {

  /** Whoever gets the frames. Event loop. */
  public interface Sink {

    /** Takes ownership of the frame. */
    void onFrame(Frame frame);

    /** No more frames will come; the connection is to be closed. */
    void onFault(FrameFault fault, String detail);

    /** Bytes arrived, of whatever part of a frame. */
    void onBytes(int count);

    /** Whose budget pays for the next frame. */
    InflightBudget.Account account();
  }

  private static final int SMALL_READ_BYTES = 4096;
  private static final int MAX_READS_PER_LOOP = 16;
  private static final int PREFIX_BYTES = 4;

  /** Api key, version and correlation id: no request is shorter. */
  private static final int MIN_FRAME_BYTES = 8;

  /** Unparsed bytes kept while reading is stopped; transports read on when the peer has closed. */
  private static final int MAX_UNPARSED_BYTES = 256 * 1024;

  private final ByteBufAllocator allocator;
  private final FrameLimits limits;
  private final InflightBudget budget;
  private final Clock clock;
  private final ReadGate gate;
  private final Sink sink;

  private @Nullable ChannelHandlerContext context;
  private @Nullable ByteBuf unparsed;
  private @Nullable ByteBuf body;
  private InflightBudget.@Nullable Lease lease;
  private int prefix;
  private int prefixBytes;
  private boolean reading;
  private boolean parsing;
  private boolean stopped;
  private int seenInBody;
  private long receivedBytes;
  private long frameSerial;

  private boolean windowOpen;
  private long windowSerial;
  private long windowStartNanos;
  private long windowStartBytes;
  private long frameStartNanos;
  private long lastCheckNanos;

  public FrameReceiver(
      ByteBufAllocator allocator,
      FrameLimits limits,
      InflightBudget budget,
      Clock clock,
      ReadGate gate,
      Sink sink) {
    this.allocator = allocator;
    this.limits = limits;
    this.budget = budget;
    this.clock = clock;
    this.gate = gate;
    this.sink = sink;
    gate.onOpen(this::parse);
  }

  /** All bytes that ever came. */
  public long receivedBytes() {
    return receivedBytes;
  }

  /** Whether the transport is reading right now, and will say when it is done. */
  public boolean isReading() {
    return reading;
  }

  /** Whether a frame was begun and is not whole. */
  public boolean isMidFrame() {
    return prefixBytes > 0 || body != null;
  }

  @Override
  public void handlerAdded(ChannelHandlerContext context) {
    this.context = context;
  }

  @Override
  @SuppressWarnings("ReferenceEquality") // the transport hands back the very buffer it was given
  public void channelRead(ChannelHandlerContext context, Object message) {
    reading = true;
    ByteBuf in = (ByteBuf) message;
    if (in == body) {
      in.release(); // the transport's reference; ours stays
      int arrived = in.writerIndex() - seenInBody;
      seenInBody = in.writerIndex();
      countBytes(arrived);
      if (!in.isWritable()) {
        completeFrame(in);
        parse();
      }
      return;
    }
    if (stopped) {
      in.release();
      return;
    }
    countBytes(in.readableBytes());
    if (unparsed == null) {
      unparsed = in;
    } else if (!append(unparsed, in)) {
      fault(FrameFault.UNREAD_AT_END, "the peer closed with more than is kept for it unread");
      return;
    }
    parse();
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext context) {
    reading = false;
    context.fireChannelReadComplete();
  }

  private boolean append(ByteBuf first, ByteBuf second) {
    int total = first.readableBytes() + second.readableBytes();
    if (total > MAX_UNPARSED_BYTES) {
      second.release();
      return false;
    }
    ByteBuf both = allocator.directBuffer(total);
    both.writeBytes(first).writeBytes(second);
    first.release();
    second.release();
    unparsed = both;
    return true;
  }

  private void countBytes(int count) {
    receivedBytes += count;
    sink.onBytes(count);
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    stop();
    context.fireChannelInactive();
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext context) {
    stop();
  }

  /** Parses no more and gives back what an unfinished frame holds. */
  public void stop() {
    stopped = true;
    if (unparsed != null && !parsing) {
      unparsed.release();
      unparsed = null;
    }
    if (body != null) {
      body.release();
      body = null;
    }
    if (lease != null) {
      lease.release();
      lease = null;
    }
    prefixBytes = 0;
  }

  private void parse() {
    if (parsing) {
      return; // the frame handed over below opened the gate again; the loop goes on
    }
    parsing = true;
    try {
      while (!stopped && unparsed != null && unparsed.isReadable()) {
        if (body == null && !beginFrame(unparsed)) {
          break;
        }
        if (body != null) {
          fillBody(body, unparsed);
        }
      }
    } finally {
      parsing = false;
      if (unparsed != null && (stopped || !unparsed.isReadable())) {
        unparsed.release();
        unparsed = null;
      }
    }
  }

  private void fillBody(ByteBuf body, ByteBuf in) {
    body.writeBytes(in, Math.min(body.writableBytes(), in.readableBytes()));
    seenInBody = body.writerIndex();
    if (!body.isWritable()) {
      completeFrame(body);
    }
  }

  /** False when the frame has to wait: for bytes, for the gate, for the budget, or for ever. */
  private boolean beginFrame(ByteBuf in) {
    if (!gate.isOpen()) {
      return false;
    }
    while (prefixBytes < PREFIX_BYTES && in.isReadable()) {
      prefix = (prefix << Byte.SIZE) | in.readUnsignedByte();
      prefixBytes++;
    }
    if (prefixBytes < PREFIX_BYTES) {
      return false;
    }
    if (prefix < MIN_FRAME_BYTES || prefix > limits.maxFrameBytes()) {
      fault(
          FrameFault.BAD_LENGTH,
          "a frame of "
              + prefix
              + " bytes was announced; "
              + MIN_FRAME_BYTES
              + " to "
              + limits.maxFrameBytes()
              + " are accepted");
      return false;
    }
    InflightBudget.Lease reserved = budget.reserve(sink.account(), prefix, this::onGranted);
    lease = reserved;
    if (!reserved.isHeld()) {
      gate.pause(ReadPause.BUDGET);
      return false;
    }
    return allocateBody();
  }

  private boolean allocateBody() {
    try {
      body = allocator.directBuffer(prefix, prefix);
      seenInBody = 0;
      return true;
    } catch (OutOfMemoryError e) {
      fault(FrameFault.OUT_OF_MEMORY, "no direct memory for a frame of " + prefix + " bytes");
      return false;
    }
  }

  /** Any thread: the budget has room for the frame that waits. */
  private void onGranted() {
    ChannelHandlerContext current = context;
    if (current != null) {
      current.executor().execute(this::resumeAfterGrant);
    }
  }

  private void resumeAfterGrant() {
    boolean stillWaiting = !stopped && body == null && gate.isPausedBy(ReadPause.BUDGET);
    if (!stillWaiting || lease == null || !lease.isHeld()) {
      return; // granted within the reservation itself, or meant for an earlier frame
    }
    if (allocateBody()) {
      gate.resume(ReadPause.BUDGET);
      parse(); // another pause may keep the gate closed, but this frame is paid for
    }
  }

  private void completeFrame(ByteBuf whole) {
    InflightBudget.Lease paid = lease;
    body = null;
    lease = null;
    prefix = 0;
    prefixBytes = 0;
    frameSerial++;
    if (paid == null) {
      throw new IllegalStateException("a frame without a reservation");
    }
    sink.onFrame(new Frame(whole, paid, clock.nanoTime()));
  }

  private void fault(FrameFault fault, String detail) {
    stop();
    sink.onFault(fault, detail);
  }

  /**
   * Judges the frame that is being received; time in which reading was stopped does not count.
   * Called now and then.
   */
  public void checkProgress(long nowNanos) {
    long sinceLastNanos = nowNanos - lastCheckNanos;
    lastCheckNanos = nowNanos;
    if (stopped || !isMidFrame()) {
      windowOpen = false;
      return;
    }
    if (!windowOpen || windowSerial != frameSerial) {
      windowSerial = frameSerial;
      frameStartNanos = nowNanos;
      openWindow(nowNanos);
      return;
    }
    if (!gate.isOpen()) {
      frameStartNanos += sinceLastNanos;
      openWindow(nowNanos);
      return;
    }
    if (nowNanos - frameStartNanos >= limits.frameTimeoutNanos()) {
      fault(FrameFault.TOO_SLOW, progressDetail());
      return;
    }
    if (nowNanos - windowStartNanos >= limits.progressWindowNanos()) {
      long arrived = receivedBytes - windowStartBytes;
      if (arrived < limits.minProgressBytes()) {
        fault(arrived == 0 ? FrameFault.STALLED : FrameFault.TOO_SLOW, progressDetail());
        return;
      }
      openWindow(nowNanos);
    }
  }

  private void openWindow(long nowNanos) {
    windowOpen = true;
    windowStartNanos = nowNanos;
    windowStartBytes = receivedBytes;
  }

  private String progressDetail() {
    if (body == null) {
      return "only " + prefixBytes + " of 4 bytes of a length prefix came in time";
    }
    return "only " + body.writerIndex() + " of " + prefix + " bytes of a frame came in time";
  }

  @Override
  public ExtendedHandle newHandle() {
    return new InPlaceHandle();
  }

  private final class InPlaceHandle implements ExtendedHandle {
    private int attempted;
    private int last;
    private int reads;

    @Override
    public ByteBuf allocate(ByteBufAllocator ignored) {
      ByteBuf outstanding = body;
      return outstanding != null && unparsed == null
          ? outstanding.retain()
          : allocator.directBuffer(SMALL_READ_BYTES);
    }

    @Override
    public int guess() {
      ByteBuf outstanding = body;
      return outstanding != null ? outstanding.writableBytes() : SMALL_READ_BYTES;
    }

    @Override
    public void reset(ChannelConfig config) {
      reads = 0;
    }

    @Override
    public void incMessagesRead(int count) {
      reads += count;
    }

    @Override
    public void lastBytesRead(int bytes) {
      last = bytes;
    }

    @Override
    public int lastBytesRead() {
      return last;
    }

    @Override
    public void attemptedBytesRead(int bytes) {
      attempted = bytes;
    }

    @Override
    public int attemptedBytesRead() {
      return attempted;
    }

    @Override
    public boolean continueReading() {
      return last > 0 && last == attempted && reads < MAX_READS_PER_LOOP && gate.isOpen();
    }

    @Override
    public boolean continueReading(UncheckedBooleanSupplier maybeMoreData) {
      return continueReading();
    }

    @Override
    public void readComplete() {}
  }
}
