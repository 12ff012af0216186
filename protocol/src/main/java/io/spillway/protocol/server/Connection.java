package io.spillway.protocol.server;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.concurrent.EventExecutor;
import io.spillway.protocol.codec.DecodedRequest;
import io.spillway.protocol.codec.DecodedRequest.Malformed;
import io.spillway.protocol.codec.DecodedRequest.NotServed;
import io.spillway.protocol.codec.DecodedRequest.Served;
import io.spillway.protocol.codec.DecodedRequest.UnknownApiVersions;
import io.spillway.protocol.frame.Frame;
import io.spillway.protocol.frame.FrameFault;
import io.spillway.protocol.frame.FrameLimits;
import io.spillway.protocol.frame.FrameReceiver;
import io.spillway.protocol.frame.InflightBudget;
import io.spillway.protocol.frame.ReadGate;
import io.spillway.protocol.frame.ReadPause;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayDeque;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.common.message.ApiVersionsRequestData;
import org.apache.kafka.common.message.ApiVersionsResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * One client: which of its requests may be handed over, and in which order answers leave.
 *
 * <p>Frames wait in {@code waiting} until it is their turn. Produce requests are handed over while
 * only produce requests are in flight, up to a bound; any other request is a barrier, handed over
 * when nothing is in flight, and nothing passes it. Nothing is handed over while the peer leaves
 * too many bytes of earlier responses unread, or is muted. Answers become ready in any order and
 * leave in the order of {@code inFlight}.
 *
 * <p>All state belongs to the event loop, except where it says otherwise. What bounds memory: the
 * budget pays for frames; at most {@code maxBufferedRequests} wait; unsent bytes stay below the
 * high-water mark and the responses of what was in flight when it was reached.
 */
final class Connection extends ChannelInboundHandlerAdapter
    implements ConnectionInfo, FrameReceiver.Sink {

  private static final Logger LOG = LoggerFactory.getLogger(Connection.class);

  /** Above this a parsed request keeps its frame's budget until it is answered. */
  private static final int EARLY_RELEASE_MAX_BYTES = 64 * 1024;

  private final KafkaServer.Serving serving;
  private final ServerLimits limits;
  private final Channel channel;
  private final String id;
  private final String listener;
  private final InetSocketAddress remoteAddress;
  private final InetSocketAddress localAddress;
  private final ClientIdentity client;
  private final ReadGate gate;
  private final FrameReceiver receiver;
  private final ResponseWriter responses;
  private final Muting muting;
  private final PeerWatch watch;
  private final ArrayDeque<Frame> waiting = new ArrayDeque<>();
  private final ArrayDeque<PendingRequest> inFlight = new ArrayDeque<>();
  private final AtomicBoolean pumpScheduled = new AtomicBoolean();

  private InflightBudget.Account account;
  private volatile @Nullable Object attachment;
  private volatile boolean closed;

  private boolean pumping;
  private boolean finishing;
  private boolean lastWriteQueued;
  private boolean barrierInFlight;
  private @Nullable CloseReason closeReason;

  Connection(KafkaServer.Serving serving, Channel channel, String listener, String id) {
    this.serving = serving;
    this.limits = serving.limits();
    this.channel = channel;
    this.listener = listener;
    this.id = id;
    this.remoteAddress = (InetSocketAddress) channel.remoteAddress();
    this.localAddress = (InetSocketAddress) channel.localAddress();
    this.client = new ClientIdentity(remoteAddress);
    this.account = serving.budget().open(client.accountOf(null));
    this.gate = new ReadGate(channel.config(), serving.counters()::onPause);
    FrameLimits frameLimits =
        new FrameLimits(
            limits.maxRequestBytes(),
            limits.frameTimeout().toNanos(),
            limits.progressWindow().toNanos(),
            limits.minProgressBytes());
    this.receiver =
        new FrameReceiver(
            serving.allocator(), frameLimits, serving.budget(), serving.clock(), gate, this);
    this.responses = new ResponseWriter(channel, serving.encoder(), serving.counters().bytesOut);
    this.muting = new Muting(gate, serving.clock(), channel.eventLoop(), this::pump);
    this.watch = new PeerWatch(limits, responses, serving.clock().nanoTime(), this::closeNow);
  }

  boolean isOn(EventExecutor loop) {
    return channel.eventLoop() == loop;
  }

  /** To be the first handler, and the receive allocator of the channel. */
  FrameReceiver receiver() {
    return receiver;
  }

  // ---- ConnectionInfo: any thread

  @Override
  public String id() {
    return id;
  }

  @Override
  public String listener() {
    return listener;
  }

  @Override
  public InetSocketAddress remoteAddress() {
    return remoteAddress;
  }

  @Override
  public InetSocketAddress localAddress() {
    return localAddress;
  }

  @Override
  public String clientSoftwareName() {
    return client.softwareName();
  }

  @Override
  public String clientSoftwareVersion() {
    return client.softwareVersion();
  }

  @Override
  public @Nullable Object attachment() {
    return attachment;
  }

  @Override
  public void attach(@Nullable Object attachment) {
    this.attachment = attachment;
  }

  @Override
  public void execute(Runnable task) {
    executeOnLoop(
        () -> {
          if (!closed) {
            runGuarded(task);
          }
        });
  }

  @Override
  public boolean isOpen() {
    return !closed;
  }

  @Override
  public void close(String reason) {
    executeOnLoop(() -> closeNow(CloseReason.HANDLER, reason));
  }

  /** Any thread. False when the loop is gone, and with it every connection. */
  private boolean executeOnLoop(Runnable task) {
    try {
      channel.eventLoop().execute(task);
      return true;
    } catch (RejectedExecutionException e) {
      return false;
    }
  }

  /** Any thread. Somebody else's code must not take the connection's bookkeeping down with it. */
  void runGuarded(Runnable task) {
    try {
      task.run();
    } catch (RuntimeException | Error e) {
      logDefect("a callback failed", e);
    }
  }

  /** Any thread: the request's answer is ready. */
  void onAnswered(PendingRequest request) {
    serving.counters().answered.increment();
    if (closed) {
      request.finish();
    } else if (channel.eventLoop().inEventLoop()) {
      pump();
    } else if (pumpScheduled.compareAndSet(false, true) && !executeOnLoop(this::scheduledPump)) {
      request.finish();
    }
  }

  private void scheduledPump() {
    pumpScheduled.set(false);
    pump();
  }

  // ---- incoming

  @Override
  public InflightBudget.Account account() {
    return account;
  }

  @Override
  public void onBytes(int count) {
    serving.counters().bytesIn.add(count);
  }

  @Override
  public void onFrame(Frame frame) {
    if (closed || finishing) {
      frame.release();
      return;
    }
    waiting.add(frame);
    pump();
  }

  @Override
  public void onFault(FrameFault fault, String detail) {
    closeNow(CloseReason.of(fault), detail);
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    throw new IllegalStateException("the receiver lets nothing through");
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext context) {
    responses.flush();
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext context) {
    pump();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    if (cause instanceof IOException) {
      closeNow(CloseReason.PEER, String.valueOf(cause.getMessage()));
    } else if (cause instanceof OutOfMemoryError) {
      closeNow(CloseReason.OUT_OF_MEMORY, String.valueOf(cause.getMessage()));
    } else {
      fail("connection failed", cause);
    }
  }

  // ---- the pump: answers out, then requests in, until neither moves

  private void pump() {
    if (pumping || closed) {
      return; // the loop below goes on
    }
    pumping = true;
    try {
      boolean moved = true;
      while (moved && !closed) {
        moved = writeAnswered();
        moved |= handOverNext();
      }
    } finally {
      pumping = false;
    }
    if (!closed) {
      if (!receiver.isReading()) {
        responses.flush();
      }
      adjustGate();
      finishIfDone();
    }
  }

  private void adjustGate() {
    if (responses.isWritable()) {
      gate.resume(ReadPause.UNWRITABLE);
    } else {
      gate.pause(ReadPause.UNWRITABLE);
    }
    if (waiting.size() < limits.maxBufferedRequests()) {
      gate.resume(ReadPause.BUFFERED);
    } else {
      gate.pause(ReadPause.BUFFERED);
    }
  }

  private boolean handOverNext() {
    Frame next = waiting.peek();
    if (next == null
        || finishing
        || muting.isMuted()
        || !responses.isWritable()
        || !isTurnOf(next)) {
      return false;
    }
    waiting.remove();
    handOver(next);
    return true;
  }

  private boolean isTurnOf(Frame frame) {
    if (frame.apiKey() == ApiKeys.PRODUCE.id) {
      return !barrierInFlight && inFlight.size() < limits.maxPipelinedProduces();
    }
    return inFlight.isEmpty();
  }

  private void handOver(Frame frame) {
    DecodedRequest decoded = serving.decoder().decode(frame.bytes());
    if (decoded instanceof Served served) {
      learnFrom(served);
      PendingRequest request = accept(frame, served);
      serving.counters().requests.increment();
      try {
        serving.handler().handle(request);
        // Now, not at the answer: else all that is pipelined behind it would pass for one pause.
        muting.mute(request.takeMuteNanos());
      } catch (RuntimeException | Error e) {
        logDefect("handling " + served.api() + " failed", e);
        request.close("handling " + served.api() + " failed");
      }
    } else if (decoded instanceof UnknownApiVersions asked) {
      answerUnknownApiVersions(frame, asked);
    } else {
      frame.release();
      refuse(decoded);
    }
  }

  private PendingRequest accept(Frame frame, Served served) {
    boolean keepsSlices = served.api().requiresDelayedAllocation;
    boolean holdsFrame = keepsSlices || frame.sizeBytes() > EARLY_RELEASE_MAX_BYTES;
    PendingRequest request = new PendingRequest(this, frame, served, holdsFrame);
    inFlight.add(request);
    barrierInFlight = !request.isProduce();
    return request;
  }

  /** KIP-35: a client that is ahead of us learns what we serve, in the version everyone reads. */
  private void answerUnknownApiVersions(Frame frame, UnknownApiVersions asked) {
    ApiVersionsRequestData none = new ApiVersionsRequestData();
    Served asV0 =
        new Served(ApiKeys.API_VERSIONS, (short) 0, asked.correlationId(), asked.clientId(), none);
    PendingRequest request = accept(frame, asV0);
    serving.counters().requests.increment();
    request.reply(
        new ApiVersionsResponseData()
            .setErrorCode(Errors.UNSUPPORTED_VERSION.code())
            .setApiKeys(serving.apis().toApiVersions()));
  }

  private void refuse(DecodedRequest decoded) {
    if (decoded instanceof NotServed request) {
      closeNow(
          CloseReason.NOT_SERVED,
          "request not served: "
              + client.describe(request.apiKey(), request.version(), request.clientId()));
    } else if (decoded instanceof Malformed request) {
      closeNow(
          CloseReason.MALFORMED_REQUEST,
          "request not readable: "
              + client.describe(request.apiKey(), request.version(), request.clientId())
              + ": "
              + request.cause());
    }
  }

  private void learnFrom(Served served) {
    String wanted = client.accountOf(served.clientId());
    if (!wanted.equals(account.client())) {
      account.close();
      account = serving.budget().open(wanted);
    }
    if (served.body() instanceof ApiVersionsRequestData versions && served.version() >= 3) {
      client.learnFrom(versions);
    }
  }

  // ---- outgoing

  private boolean writeAnswered() {
    boolean moved = false;
    PendingRequest head = inFlight.peek();
    while (head != null && head.isAnswered() && !closed) {
      inFlight.remove();
      moved = true;
      if (inFlight.isEmpty()) {
        barrierInFlight = false;
      }
      muting.mute(head.takeMuteNanos());
      ApiMessage response = head.response();
      if (response == null) {
        head.finish();
      } else {
        write(head, response);
      }
      head = inFlight.peek();
    }
    return moved;
  }

  private void write(PendingRequest request, ApiMessage response) {
    try {
      responses.write(request, response);
    } catch (RuntimeException | OutOfMemoryError e) {
      fail("response to " + request.apiKey() + " v" + request.apiVersion() + " cannot be sent", e);
    }
  }

  // ---- the end

  /** Hands nothing more over, and closes when what is in flight was answered and sent. */
  void finishAndClose() {
    if (closed || finishing) {
      return;
    }
    finishing = true;
    closeReason = CloseReason.SHUTDOWN;
    gate.pause(ReadPause.CLOSING);
    receiver.stop();
    dropWaiting();
    finishIfDone();
  }

  private void finishIfDone() {
    if (finishing && inFlight.isEmpty() && !lastWriteQueued) {
      lastWriteQueued = true;
      responses.finish();
    }
  }

  /** A defect in here: this connection ends, with the cause in the log, the others go on. */
  private void fail(String detail, Throwable cause) {
    closeNow(CloseReason.INTERNAL_ERROR, detail, cause);
  }

  /** Any thread. */
  private void logDefect(String what, Throwable cause) {
    long suppressed = serving.logs().pass(CloseReason.INTERNAL_ERROR);
    if (suppressed != LogLimiter.SUPPRESSED) {
      LOG.error("{} [connection={} alsoHeldBack={}]", what, id, suppressed, cause);
    }
  }

  void closeNow(CloseReason reason, String detail) {
    closeNow(reason, detail, null);
  }

  private void closeNow(CloseReason reason, String detail, @Nullable Throwable defect) {
    if (closed) {
      return;
    }
    if (closeReason == null) {
      closeReason = reason;
    }
    long suppressed = reason.isLogged() ? serving.logs().pass(reason) : LogLimiter.SUPPRESSED;
    if (suppressed != LogLimiter.SUPPRESSED) {
      LOG.atLevel(defect == null ? Level.WARN : Level.ERROR)
          .setCause(defect)
          .log(
              "closing connection: {} [connection={} listener={} remote={} reason={} alsoHeldBack={}]",
              detail,
              id,
              listener,
              remoteAddress,
              reason,
              suppressed);
    } else {
      LOG.debug("closing connection: {} [connection={} reason={}]", detail, id, reason);
    }
    channel.close();
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    if (closed) {
      return;
    }
    CloseReason reason = closeReason == null ? CloseReason.PEER : closeReason;
    if (reason == CloseReason.PEER) {
      handOverOrphans();
    }
    closed = true;
    muting.stop();
    dropWaiting();
    for (PendingRequest request : inFlight) {
      if (request.isAnswered()) {
        request.finish();
      }
    }
    inFlight.clear();
    account.close();
    serving.counters().onClosed(reason);
    serving.onClosed(this);
    runGuarded(() -> serving.handler().onDisconnect(this));
  }

  /**
   * A producer may send with {@code acks=0} and close: what it sent in whole is still appended,
   * though nobody hears of it.
   */
  private void handOverOrphans() {
    pumping = true; // answers have nowhere to go
    while (!barrierInFlight
        && (closeReason == null || closeReason == CloseReason.PEER)
        && !waiting.isEmpty()
        && waiting.element().apiKey() == ApiKeys.PRODUCE.id) {
      handOver(waiting.remove());
    }
  }

  private void dropWaiting() {
    waiting.forEach(Frame::release);
    waiting.clear();
  }

  // ---- now and then

  /** Judges timeouts. */
  void sweep(long nowNanos) {
    if (closed) {
      return;
    }
    receiver.checkProgress(nowNanos);
    if (!closed && channel.isActive()) {
      watch.checkWriteProgress(nowNanos);
      boolean waitsForPeer = receiver.isMidFrame() || muting.isMuted();
      boolean busy = waitsForPeer || !inFlight.isEmpty() || !waiting.isEmpty();
      watch.checkIdle(nowNanos, busy, receiver.receivedBytes());
    }
  }
}
