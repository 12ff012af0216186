package io.spillway.sim;

import io.spillway.request.data.FakeExchange;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.message.ProduceResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.MessageUtil;
import org.jspecify.annotations.Nullable;

/**
 * A client's connection to one life of a broker: what goes through it comes in order, or not at
 * all. When it breaks, some of what was on its way may still reach the broker, long after the
 * client has turned elsewhere.
 */
final class SimConnection {

  private static final short VERSION = 12;

  private final PartitionSimulation world;
  private final PartitionServer server;
  private final String clientId;
  private final Consumer<ProduceResponseData> onAnswer;
  private final Runnable onBroken;
  private final ArrayDeque<ByteBuffer> underWay = new ArrayDeque<>();
  private final ArrayDeque<Request> unanswered = new ArrayDeque<>();
  private long lastArrivalNanos;
  private long lastAnswerNanos;
  private boolean cut;

  /**
   * @param onAnswer told of answers, in the order of requests
   * @param onBroken told once, when the client notices by itself that the connection is gone
   */
  SimConnection(
      PartitionSimulation world,
      PartitionServer server,
      String clientId,
      Consumer<ProduceResponseData> onAnswer,
      Runnable onBroken) {
    this.world = world;
    this.server = server;
    this.clientId = clientId;
    this.onAnswer = onAnswer;
    this.onBroken = onBroken;
  }

  boolean hasUnanswered() {
    return !unanswered.isEmpty();
  }

  void send(ProduceRequestData request) {
    underWay.add(MessageUtil.toByteBufferAccessor(request, VERSION).buffer());
    lastArrivalNanos = Math.max(lastArrivalNanos, world.now() + latency());
    world.threads.at(lastArrivalNanos, this::arrive);
  }

  private long latency() {
    return TimeUnit.MICROSECONDS.toNanos(1 + world.random.nextInt(3_000));
  }

  private void arrive() {
    ByteBuffer bytes = underWay.poll();
    if (bytes == null) {
      return;
    }
    if (server.isGone()) {
      breakSoon();
      return;
    }
    Request request =
        new Request(new ProduceRequestData(new ByteBufferAccessor(onlyCopy(bytes)), VERSION));
    unanswered.add(request);
    if (cut) {
      world.coverage.count("request of a broken connection");
    }
    server.handle(request);
  }

  /** The broker patches batches in place. */
  private static ByteBuffer onlyCopy(ByteBuffer bytes) {
    return ByteBuffer.allocate(bytes.remaining()).put(bytes.duplicate()).flip();
  }

  /** The client gives it up, or the network does. */
  void cut() {
    if (cut) {
      return;
    }
    cut = true;
    int arriving = world.random.nextInt(underWay.size() + 1);
    while (underWay.size() > arriving) {
      underWay.removeLast();
    }
  }

  /** The broker's process is gone. Its machine may be, too: then nothing tells the client. */
  void onServerGone() {
    if (world.random.nextInt(3) > 0) {
      breakSoon();
    }
  }

  void breakSoon() {
    world.threads.at(
        world.now() + latency(),
        () -> {
          if (!cut) {
            cut();
            onBroken.run();
          }
        });
  }

  private void answerInOrder() {
    Request first = unanswered.peek();
    while (first != null) {
      ProduceResponseData answer = first.answer;
      if (answer == null) {
        return;
      }
      unanswered.remove();
      lastAnswerNanos = Math.max(lastAnswerNanos, world.now() + latency());
      world.threads.at(
          lastAnswerNanos,
          () -> {
            if (!cut) {
              onAnswer.accept(onTheWire(answer));
            }
          });
      first = unanswered.peek();
    }
  }

  private static ProduceResponseData onTheWire(ProduceResponseData answer) {
    return new ProduceResponseData(MessageUtil.toByteBufferAccessor(answer, VERSION), VERSION);
  }

  private final class Request extends FakeExchange {
    private final ProduceRequestData request;

    /** As the client sent it: the broker patches the batches of the other one. */
    private final ProduceRequestData original;

    private @Nullable ProduceResponseData answer;

    Request(ProduceRequestData request) {
      super(ApiKeys.PRODUCE, VERSION, request, clientId);
      this.request = request;
      this.original =
          new ProduceRequestData(
              new ByteBufferAccessor(
                  onlyCopy(MessageUtil.toByteBufferAccessor(request, VERSION).buffer())),
              VERSION);
    }

    @Override
    public void reply(ApiMessage response, Runnable whenSent) {
      super.reply(response, whenSent);
      sent();
      ProduceResponseData known = (ProduceResponseData) response;
      answer = known;
      world.checked(() -> world.onAnswered(server, original, known));
      answerInOrder();
    }

    @Override
    public void fail(Throwable cause) {
      throw new AssertionError("produce request failed: " + request, cause);
    }
  }
}
