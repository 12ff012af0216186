package io.spillway.object.s3;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;

/**
 * Stands between a client and an S3 server and does to each request what a test says: lets it pass,
 * delays it, answers in the server's place, cuts the connection before, while or after the server
 * has it, carries it out later. Speaks just enough HTTP/1.1 to know where a request ends.
 */
public final class FaultProxy implements AutoCloseable {

  private static final int PAUSE_MS = 3_000;

  private final ServerSocket listener;
  private final int upstreamPort;
  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
  private final List<Request> seen = new CopyOnWriteArrayList<>();
  private volatile Function<Request, Fault> faults = request -> Fault.PASS;
  private volatile boolean outage;
  private volatile boolean closed;

  private FaultProxy(ServerSocket listener, int upstreamPort) {
    this.listener = listener;
    this.upstreamPort = upstreamPort;
  }

  /** Listens on a port of its own before a server on this machine. */
  public static FaultProxy to(int upstreamPort) {
    try {
      ServerSocket listener = new ServerSocket();
      listener.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
      FaultProxy proxy = new FaultProxy(listener, upstreamPort);
      proxy.start("fault-proxy", proxy::accept);
      return proxy;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public int port() {
    return listener.getLocalPort();
  }

  /** From now on each request meets what the function says. Runs on the connections' threads. */
  public void onEach(Function<Request, Fault> function) {
    faults = function;
  }

  /** From now on connections are cut as they come, and those that are open; or no longer. */
  public void outage(boolean on) {
    outage = on;
    if (on) {
      sockets.forEach(FaultProxy::reset);
    }
  }

  /** Every request that arrived, in order. */
  public List<Request> seen() {
    return List.copyOf(seen);
  }

  @Override
  public void close() {
    closed = true;
    try {
      listener.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    sockets.forEach(FaultProxy::reset);
  }

  /**
   * @param target path and query
   * @param conditional whether it is a create-if-absent
   * @param signature the Authorization header; empty when there is none
   */
  public record Request(
      String method, String target, boolean conditional, long bodyBytes, String signature) {
    /** Whether the key, or its folder, is in the path. */
    public boolean about(String key) {
      return target.contains(key);
    }

    public boolean isWrite() {
      return method.equals("PUT") || method.equals("POST") || method.equals("DELETE");
    }
  }

  /** What is done to one request. */
  @FunctionalInterface
  public interface Fault {
    Fault PASS = exchange -> exchange.answer(exchange.forward());

    /** The server never hears of it. */
    Fault DROP = Exchange::drop;

    /** The connection breaks while the body is being sent. */
    Fault DROP_MID_BODY = Exchange::dropMidBody;

    /** It is carried out; the answer is lost. */
    Fault COMMIT_THEN_DROP =
        exchange -> {
          exchange.forward();
          exchange.drop();
        };

    /** Says that a create worked, whether it did or not. */
    Fault LIE =
        exchange -> {
          Response response = exchange.forward();
          exchange.answer(response.status() == 412 ? Response.ok() : response);
        };

    /** Half of the answer's body, then the connection breaks. */
    Fault TRUNCATE = exchange -> exchange.answerHalf(exchange.forward());

    static Fault status(int status, String code) {
      return exchange -> exchange.answer(Response.error(status, code));
    }

    /**
     * Reads the body once the future completes, into the other, until it ends, breaks off or makes
     * a pause of seconds; then the connection breaks.
     */
    static Fault stalledReader(CompletableFuture<?> when, CompletableFuture<byte[]> read) {
      return exchange -> {
        when.join();
        ByteArrayOutputStream came = new ByteArrayOutputStream();
        exchange.client.setSoTimeout(PAUSE_MS);
        try {
          exchange.in.transferTo(came);
        } catch (IOException e) {
          // What came before is what there is.
        }
        read.complete(came.toByteArray());
        exchange.drop();
      };
    }

    static Fault delay(long millis) {
      return exchange -> {
        pause(millis);
        PASS.apply(exchange);
      };
    }

    /** It takes this long to be carried out. */
    static Fault slowAnswer(long millis) {
      return exchange -> {
        Response response = exchange.forward();
        pause(millis);
        exchange.answer(response);
      };
    }

    /** The connection breaks now; the server gets the request when the future completes. */
    static Fault late(CompletableFuture<?> when, CompletableFuture<Integer> status) {
      return exchange -> exchange.later(when, status);
    }

    void apply(Exchange exchange) throws IOException;

    private static void pause(long millis) {
      try {
        Thread.sleep(millis);
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  private static final class Response {
    private final byte[] head;
    private final byte[] body;

    Response(byte[] head, byte[] body) {
      this.head = head;
      this.body = body;
    }

    static Response error(int status, String code) {
      byte[] body =
          ("<?xml version=\"1.0\"?><Error><Code>"
                  + code
                  + "</Code><Message>of the proxy</Message></Error>")
              .getBytes(StandardCharsets.UTF_8);
      String head =
          "HTTP/1.1 "
              + status
              + " Error\r\nContent-Type: application/xml\r\nContent-Length: "
              + body.length
              + "\r\n\r\n";
      return new Response(head.getBytes(StandardCharsets.ISO_8859_1), body);
    }

    static Response ok() {
      String head = "HTTP/1.1 200 OK\r\nETag: \"0\"\r\nContent-Length: 0\r\n\r\n";
      return new Response(head.getBytes(StandardCharsets.ISO_8859_1), new byte[0]);
    }

    int status() {
      return Integer.parseInt(new String(head, 9, 3, StandardCharsets.ISO_8859_1));
    }
  }

  private void accept() throws IOException {
    while (!closed) {
      Socket client = listener.accept();
      if (outage) {
        reset(client);
      } else {
        sockets.add(client);
        start("fault-proxy-connection", () -> serve(client));
      }
    }
  }

  private void serve(Socket client) throws IOException {
    try (client) {
      client.setTcpNoDelay(true);
      InputStream in = new BufferedInputStream(client.getInputStream());
      OutputStream out = new BufferedOutputStream(client.getOutputStream());
      boolean open = true;
      while (open) {
        Optional<Head> head = Head.read(in);
        open = head.isPresent() && !outage;
        if (open) {
          Exchange exchange = new Exchange(client, in, out, head.get());
          seen.add(exchange.request());
          faults.apply(exchange.request()).apply(exchange);
          open = exchange.finish();
        }
      }
    } finally {
      sockets.remove(client);
    }
  }

  /** One request and what becomes of it. */
  public final class Exchange {
    private final Socket client;
    private final InputStream in;
    private final OutputStream out;
    private final Head head;
    private boolean bodyRead;
    private boolean dropped;
    private byte[] body = new byte[0];

    private Exchange(Socket client, InputStream in, OutputStream out, Head head) {
      this.client = client;
      this.in = in;
      this.out = out;
      this.head = head;
    }

    private Request request() {
      String[] line = head.lines().get(0).split(" ", -1);
      return new Request(
          line[0],
          line[1],
          head.header("if-none-match").isPresent(),
          head.contentLength(),
          head.header("authorization").orElse(""));
    }

    private Response forward() throws IOException {
      readBody();
      return send(head, body);
    }

    private void readBody() throws IOException {
      if (!bodyRead) {
        bodyRead = true;
        if (head.header("expect").isPresent()) {
          out.write("HTTP/1.1 100 Continue\r\n\r\n".getBytes(StandardCharsets.ISO_8859_1));
          out.flush();
        }
        body = in.readNBytes((int) head.contentLength());
        if (body.length < head.contentLength()) {
          throw new EOFException("the client stopped in the body");
        }
      }
    }

    private void answer(Response response) throws IOException {
      readBody();
      out.write(response.head);
      if (!head.lines().get(0).startsWith("HEAD ")) {
        out.write(response.body);
      }
      out.flush();
    }

    private void answerHalf(Response response) throws IOException {
      out.write(response.head);
      out.write(response.body, 0, response.body.length / 2);
      out.flush();
      // Closed, not reset: a reset would take back what the client has not read yet.
      client.shutdownOutput();
      dropped = true;
    }

    private void drop() throws IOException {
      readBody();
      dropped = true;
      reset(client);
    }

    private void dropMidBody() throws IOException {
      in.readNBytes((int) head.contentLength() / 2);
      dropped = true;
      reset(client);
    }

    private void later(CompletableFuture<?> when, CompletableFuture<Integer> status)
        throws IOException {
      drop();
      start(
          "fault-proxy-late",
          () -> {
            when.join();
            status.complete(send(head, body).status());
          });
    }

    private boolean finish() {
      return !dropped;
    }
  }

  private Response send(Head head, byte[] body) throws IOException {
    try (Socket server = new Socket(InetAddress.getLoopbackAddress(), upstreamPort)) {
      sockets.add(server);
      OutputStream out = new BufferedOutputStream(server.getOutputStream());
      out.write(head.withoutExpectation());
      out.write(body);
      out.flush();
      InputStream in = new BufferedInputStream(server.getInputStream());
      Head answer =
          Head.read(in).orElseThrow(() -> new EOFException("the server closed the connection"));
      boolean bodyless = head.lines().get(0).startsWith("HEAD ");
      byte[] answerBody = bodyless ? new byte[0] : answer.readBody(in);
      sockets.remove(server);
      return new Response(answer.framedBy(answerBody, bodyless), answerBody);
    }
  }

  /** The lines up to the empty one. */
  private record Head(List<String> lines) {
    static Optional<Head> read(InputStream in) throws IOException {
      List<String> lines = new ArrayList<>();
      while (true) {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        int c = in.read();
        while (c >= 0 && c != '\n') {
          line.write(c);
          c = in.read();
        }
        if (c < 0) {
          return Optional.empty();
        }
        String text = line.toString(StandardCharsets.ISO_8859_1).stripTrailing();
        if (text.isEmpty()) {
          return Optional.of(new Head(lines));
        }
        lines.add(text);
      }
    }

    Optional<String> header(String name) {
      return lines.stream()
          .skip(1)
          .filter(line -> line.toLowerCase(Locale.ROOT).startsWith(name + ":"))
          .map(line -> line.substring(name.length() + 1).strip())
          .findFirst();
    }

    long contentLength() {
      return header("content-length").map(Long::parseLong).orElse(0L);
    }

    byte[] readBody(InputStream in) throws IOException {
      if (header("transfer-encoding").isEmpty()) {
        return in.readNBytes((int) contentLength());
      }
      ByteArrayOutputStream body = new ByteArrayOutputStream();
      while (true) {
        int size = Integer.parseInt(line(in), 16);
        body.write(in.readNBytes(size));
        line(in);
        if (size == 0) {
          return body.toByteArray();
        }
      }
    }

    private static String line(InputStream in) throws IOException {
      StringBuilder line = new StringBuilder();
      for (int c = in.read(); c >= 0 && c != '\n'; c = in.read()) {
        line.append((char) c);
      }
      return line.toString().strip();
    }

    byte[] withoutExpectation() {
      return bytes(lines.stream().filter(line -> !isHeader(line, "expect")).toList());
    }

    /** With the length of the body instead of its chunks. */
    byte[] framedBy(byte[] body, boolean bodyless) {
      List<String> framed = new ArrayList<>();
      for (String line : lines) {
        boolean length = isHeader(line, "content-length") && !bodyless;
        if (!length && !isHeader(line, "transfer-encoding")) {
          framed.add(line);
        }
      }
      if (!bodyless) {
        framed.add("Content-Length: " + body.length);
      }
      return bytes(framed);
    }

    private static boolean isHeader(String line, String name) {
      return line.toLowerCase(Locale.ROOT).startsWith(name + ":");
    }

    private static byte[] bytes(List<String> lines) {
      return (String.join("\r\n", lines) + "\r\n\r\n").getBytes(StandardCharsets.ISO_8859_1);
    }
  }

  private interface IoTask {
    void run() throws IOException;
  }

  private void start(String name, IoTask task) {
    Thread thread =
        new Thread(
            () -> {
              try {
                task.run();
              } catch (IOException e) {
                // A connection that broke, of whichever side: the client sees it or broke it.
              }
            },
            name);
    thread.setDaemon(true);
    thread.start();
  }

  private static void reset(Socket socket) {
    try {
      socket.setSoLinger(true, 0);
      socket.close();
    } catch (IOException e) {
      // Closed already.
    }
  }
}
