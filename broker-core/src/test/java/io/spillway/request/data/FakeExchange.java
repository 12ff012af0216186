package io.spillway.request.data;

import io.spillway.protocol.server.ConnectionInfo;
import io.spillway.request.Exchange;
import io.spillway.request.RequestContext;
import io.spillway.request.UnreadableRequestException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.jspecify.annotations.Nullable;

/** An exchange that remembers its one answer, and whose event loop runs in the call. */
public class FakeExchange implements Exchange, ConnectionInfo {

  final List<String> answers = new ArrayList<>();
  @Nullable ApiMessage response;
  Errors failure = Errors.NONE;
  int retained;
  boolean connected = true;
  private final RequestContext context;
  private final ApiMessage request;
  private @Nullable Runnable release;
  String clientId = "client";

  FakeExchange(ApiKeys api, int version, ApiMessage request) {
    this(api, version, request, "client");
  }

  public FakeExchange(ApiKeys api, int version, ApiMessage request, String clientId) {
    this(api, version, request, clientId, "connection-1");
  }

  FakeExchange(ApiKeys api, int version, ApiMessage request, String clientId, String connectionId) {
    this.request = request;
    this.context =
        new RequestContext(
            KafkaPrincipal.ANONYMOUS,
            "PLAINTEXT",
            clientId,
            "",
            InetAddress.getLoopbackAddress(),
            connectionId,
            api,
            (short) version,
            1);
  }

  <T> T response(Class<T> type) {
    ApiMessage answer = response;
    if (answer == null) {
      throw new AssertionError("no response yet; answers: " + answers);
    }
    return type.cast(answer);
  }

  boolean isAnswered() {
    return !answers.isEmpty();
  }

  /** The response's bytes have left. */
  public void sent() {
    Runnable once = release;
    release = null;
    if (once != null) {
      once.run();
    }
  }

  @Override
  public RequestContext context() {
    return context;
  }

  @Override
  public ConnectionInfo connection() {
    return this;
  }

  @Override
  public <T extends ApiMessage> T request(Class<T> type) {
    return type.cast(request);
  }

  @Override
  public long receivedNanos() {
    return 0;
  }

  @Override
  public void reply(ApiMessage answer) {
    reply(answer, () -> {});
  }

  @Override
  public void reply(ApiMessage answer, Runnable whenSent) {
    answered("reply");
    response = answer;
    release = whenSent;
    if (!(answer instanceof FetchResponseData)) {
      MessageUtil.toByteBufferAccessor(answer, context.apiVersion());
    }
  }

  @Override
  public void replyNothing() {
    answered("nothing");
  }

  @Override
  public Runnable retain() {
    retained++;
    return () -> retained--;
  }

  @Override
  public void fail(Throwable cause) {
    answered("failure");
    failure = Errors.forException(cause);
    if (failure == Errors.UNKNOWN_SERVER_ERROR && !(cause instanceof UnreadableRequestException)) {
      throw new AssertionError(cause);
    }
  }

  private void answered(String how) {
    answers.add(how);
    if (answers.size() > 1) {
      throw new AssertionError("answered twice: " + answers);
    }
  }

  @Override
  public void close(String reason) {
    answered("close: " + reason);
  }

  @Override
  public String id() {
    return context.connectionId();
  }

  @Override
  public String listener() {
    return context.listener();
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
    return "";
  }

  @Override
  public String clientSoftwareVersion() {
    return "";
  }

  @Override
  public @Nullable Object attachment() {
    return null;
  }

  @Override
  public void attach(@Nullable Object attachment) {}

  @Override
  public void execute(Runnable task) {
    if (connected) {
      task.run();
    }
  }

  @Override
  public boolean isOpen() {
    return connected;
  }
}
