package io.spillway.request;

import io.spillway.protocol.server.ConnectionInfo;
import io.spillway.protocol.server.KafkaRequest;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.jspecify.annotations.Nullable;

/** A request that remembers its answers. */
public final class FakeRequest implements KafkaRequest {

  public final List<ApiMessage> replies = new ArrayList<>();
  public final List<String> closes = new ArrayList<>();
  public int silentReplies;
  public long mutedNanos;
  public int retained;
  private final ApiKeys apiKey;
  private final short version;
  private final ApiMessage body;
  private final ConnectionInfo connection = new FakeConnection();

  public FakeRequest(ApiKeys apiKey, int version, ApiMessage body) {
    this.apiKey = apiKey;
    this.version = (short) version;
    this.body = body;
  }

  @Override
  public ConnectionInfo connection() {
    return connection;
  }

  @Override
  public ApiKeys apiKey() {
    return apiKey;
  }

  @Override
  public short apiVersion() {
    return version;
  }

  @Override
  public int correlationId() {
    return 7;
  }

  @Override
  public String clientId() {
    return "client-1";
  }

  @Override
  public ApiMessage body() {
    return body;
  }

  @Override
  public int sizeBytes() {
    return 100;
  }

  @Override
  public long receivedNanos() {
    return 0;
  }

  @Override
  public void reply(ApiMessage response, Runnable release) {
    replies.add(response);
    release.run();
  }

  @Override
  public void replyNothing() {
    silentReplies++;
  }

  @Override
  public Runnable retain() {
    retained++;
    return () -> retained--;
  }

  @Override
  public void mute(long durationNanos) {
    mutedNanos += durationNanos;
  }

  @Override
  public void close(String reason) {
    closes.add(reason);
  }

  private static final class FakeConnection implements ConnectionInfo {
    private @Nullable Object attachment;

    @Override
    public String id() {
      return "127.0.0.1:9092-127.0.0.1:50000-1";
    }

    @Override
    public String listener() {
      return "PLAINTEXT";
    }

    @Override
    public InetSocketAddress remoteAddress() {
      return new InetSocketAddress(InetAddress.getLoopbackAddress(), 50_000);
    }

    @Override
    public InetSocketAddress localAddress() {
      return new InetSocketAddress(InetAddress.getLoopbackAddress(), 9_092);
    }

    @Override
    public String clientSoftwareName() {
      return "tester";
    }

    @Override
    public String clientSoftwareVersion() {
      return "1.0";
    }

    @Override
    public @Nullable Object attachment() {
      return attachment;
    }

    @Override
    public void attach(@Nullable Object newAttachment) {
      attachment = newAttachment;
    }

    @Override
    public void execute(Runnable task) {
      task.run();
    }

    @Override
    public boolean isOpen() {
      return true;
    }

    @Override
    public void close(String reason) {}
  }
}
